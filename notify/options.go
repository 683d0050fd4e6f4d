package notify

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

// Options are the settings of a Notifier. The zero value of every field but
// Endpoints stands for its default.
type Options struct {
	// Endpoints are the Alertmanagers, as ParseURLs returns them. Each is sent
	// every alert. None is allowed: alerts are then only logged.
	Endpoints []Endpoint
	// ExternalLabels are added to each alert that has no label of that name.
	ExternalLabels labels.Labels
	// Version is what the User-Agent says after "tocsin/".
	Version string
	// Logger discards if nil.
	Logger *slog.Logger
	// Registerer of the metrics; nil registers none.
	Registerer prometheus.Registerer
	// Timeout of one request, from the dial to the reply's last byte; 10 s.
	Timeout time.Duration
	// BatchSize is the most alerts that one request carries; 256.
	BatchSize int
	// Capacity is the most alerts that one outbox holds; 10 000.
	Capacity int
	// MaxBackoff is the longest wait between two attempts; 1 min.
	MaxBackoff time.Duration
	// DrainTimeout is what Run may take to deliver the rest once its context
	// has ended, all Alertmanagers together; 2 s.
	DrainTimeout time.Duration
	// LateHold is how long a late report stands: how far ahead its end lies, and
	// how long the real end is held back. It must outlast group_wait and
	// group_interval of the Alertmanager; 6 min.
	LateHold time.Duration
	// TrustedAfter is a time that has passed for sure, such as that of the build.
	// While our clock shows an earlier one, and an Alertmanager does not tell the
	// time, it is left to that Alertmanager when alerts begin and end.
	TrustedAfter time.Time
	// Ahead is how far the times of notifications are ahead of our wall clock, by
	// which this package goes. Nil: they are of the wall clock.
	Ahead func() time.Duration
	// Delivered is told what became of news that Send was handed. It must not
	// block, and not call the Notifier. May be nil.
	Delivered func(receiver string, rs []alert.Receipt)
	// Receivers is told the names of all receivers whenever they change, before one
	// that is new is handed anything. The same rules hold. May be nil.
	Receivers func(names []string)
	// RoundTripper replaces the HTTP transports, one of which each endpoint
	// has otherwise; for tests.
	RoundTripper http.RoundTripper

	// jitter returns a number in [0,1); tests make it constant.
	jitter func() float64
}

func (o *Options) setDefaults() {
	if o.Version == "" {
		o.Version = "unknown"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.BatchSize == 0 {
		o.BatchSize = 256
	}
	if o.Capacity == 0 {
		o.Capacity = 10_000
	}
	if o.MaxBackoff == 0 {
		o.MaxBackoff = time.Minute
	}
	if o.DrainTimeout == 0 {
		o.DrainTimeout = 2 * time.Second
	}
	if o.LateHold == 0 {
		o.LateHold = defaultLateHold
	}
	if o.Ahead == nil {
		o.Ahead = func() time.Duration { return 0 }
	}
	if o.Delivered == nil {
		o.Delivered = func(string, []alert.Receipt) {}
	}
	if o.Receivers == nil {
		o.Receivers = func([]string) {}
	}
	if o.jitter == nil {
		o.jitter = rand.Float64
	}
}

// validate returns all problems of the options at once.
func (o *Options) validate() error {
	var errs []error
	if o.Timeout < 0 || o.MaxBackoff < 0 || o.DrainTimeout < 0 || o.LateHold < 0 {
		errs = append(errs, errors.New("notify: timeout, longest back-off, drain timeout and late hold must not be negative"))
	}
	if o.BatchSize < 0 || o.Capacity < 0 {
		errs = append(errs, errors.New("notify: batch size and capacity must not be negative"))
	}
	seen := make(map[string]bool, len(o.Endpoints))
	for i, ep := range o.Endpoints {
		if ep.url == nil {
			errs = append(errs, fmt.Errorf("notify: endpoint %d has no URL: make endpoints with ParseURLs", i))
			continue
		}
		if seen[ep.name] {
			errs = append(errs, fmt.Errorf("notify: alertmanager %s is listed twice", ep.name))
		}
		seen[ep.name] = true
	}
	return errors.Join(errs...)
}

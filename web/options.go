package web

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/rules"
)

// ErrUnavailable is what Options.Query, Queryable and Cardinality wrap when there
// is no storage to read, because it is not open yet or no longer. It is answered
// with status 503.
var ErrUnavailable = errors.New("storage is not open")

// Options are what the handler reads from. Snapshot, Status, Query, Queryable,
// Gatherer and Logger are required. The funcs are called once or more a request,
// from many goroutines, and must return at once; Query may take its time.
type Options struct {
	// Snapshot is the engine's last; it may return nil before the first tick.
	Snapshot func() *engine.Snapshot
	// Status is everything else that the page shows.
	Status func() Status
	// Query runs a query until ctx is done. Errors keep their types
	// (engine.InvalidQueryError, promql.ErrQueryTimeout and so on) under any
	// wrapping, as they decide the status of the response.
	Query func(ctx context.Context, q engine.Query) (engine.Result, error)
	// Queryable is asked for series and labels.
	Queryable storage.Queryable
	// Gatherer collects what /metrics shows.
	Gatherer prometheus.Gatherer
	// Logger gets panics and responses that could not be encoded.
	Logger *slog.Logger

	// Insight tells of a rule of the snapshot what explanations need; false if the
	// rule has been replaced since.
	Insight func(r *rules.Rule) (engine.Insight, bool)
	// Deliveries is what each Alertmanager was told of the alert with these labels.
	Deliveries func(ls labels.Labels) []api.Delivery
	// Metadata is what targets say of their metrics, in the order of names.
	Metadata func() []Metadata
	// Cardinality is what the TSDB's head consists of, with lists of at most
	// limit.
	Cardinality func(limit int) (Cardinality, error)
	// Config is the configuration in effect as Prometheus would write it, without
	// its secrets.
	Config func() string
	// Appendable takes what is written to /api/v1/write; nil: nobody may.
	Appendable storage.AppendableV2
	// Reload reads the rule files again, for /-/reload; nil: nobody may. The error
	// says what could not be used.
	Reload func() error
	// Hostnames are the names of this machine; IP addresses and localhost need
	// not be among them.
	Hostnames []string
	// AllowedHosts are other names that requests may come by, of a reverse proxy
	// for instance: "name", "*.domain", or "*" for any.
	AllowedHosts []string
	// ExternalURL is where others reach this handler.
	ExternalURL *url.URL
	// Registerer receives the handler's own metrics; nil means none.
	Registerer prometheus.Registerer
	// Now is the time that queries without one are evaluated at, and that the
	// page counts from: the engine's timeline. Nil means time.Now.
	Now func() time.Time
}

func (o *Options) check() error {
	switch {
	case o.Snapshot == nil, o.Status == nil, o.Query == nil, o.Queryable == nil:
		return errors.New("web: Snapshot, Status, Query and Queryable are required")
	case o.Gatherer == nil:
		return errors.New("web: no gatherer")
	case o.Logger == nil:
		return errors.New("web: no logger")
	}
	return nil
}

// fill puts the defaults into effect.
func (o *Options) fill() {
	if o.Insight == nil {
		o.Insight = func(*rules.Rule) (engine.Insight, bool) { return engine.Insight{}, true }
	}
	if o.Deliveries == nil {
		o.Deliveries = func(labels.Labels) []api.Delivery { return nil }
	}
	if o.Metadata == nil {
		o.Metadata = func() []Metadata { return nil }
	}
	if o.Cardinality == nil {
		o.Cardinality = func(int) (Cardinality, error) { return Cardinality{}, ErrUnavailable }
	}
	if o.Config == nil {
		o.Config = func() string { return "" }
	}
	if o.ExternalURL == nil {
		o.ExternalURL = &url.URL{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Package notify brings alerts to Alertmanagers. It owns one outbox and one
// send loop per Alertmanager, and is the only package that knows the
// Alertmanager client.
//
// Invariants:
//
//   - Send never blocks and never fails.
//   - The latest state of every alert handed to Send is either in an
//     Alertmanager's outbox or was acknowledged by that Alertmanager. The
//     exceptions are counted and logged: an alert that the Alertmanager refuses
//     by itself, and the oldest ones of an outbox that is full.
//   - An outbox holds one state per alert, so an outage costs memory by the
//     number of alerts and not by its length.
//   - What one Alertmanager does, or does not do, changes nothing for another.
//   - An incident that was over before an Alertmanager was told of it is reported
//     to it all the same, late and saying so: Alertmanager does not notify what it
//     saw only as resolved.
//   - An Alertmanager that has restarted is told again everything that fires.
//   - Times are sent as the Alertmanager's clock has them, where that is far off.
//   - A password never reaches a log, a status, a metric or an error, unless
//     the Alertmanager itself writes the bare word in a reply.
//
// Nothing here outlives the process. Whoever wants an outbox that does keeps what
// Send was handed as news, strikes out what Delivered reports, and gives the rest
// to Restore.
package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
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

// Notifier hands alerts to every configured Alertmanager. Make one with New.
type Notifier struct {
	drainTimeout time.Duration
	external     labels.Labels
	ahead        func() time.Duration
	log          *slog.Logger
	senders      []*sender
	standing     *standing
	announcer    *announcer // used if there are no senders
	started      atomic.Bool
}

// New returns a Notifier that sends nothing before Run. It fails only on
// options that contradict themselves; an Alertmanager that cannot be reached
// is no error. Metrics of the same names must not be registered twice.
func New(opts Options) (*Notifier, error) {
	opts.setDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	log := opts.Logger.With("component", "notify")
	m := newMetrics(opts.Registerer)
	m.queueCapacity.Set(float64(opts.Capacity))
	m.discovered.Set(float64(len(opts.Endpoints)))
	n := &Notifier{
		drainTimeout: opts.DrainTimeout,
		external:     wellFormed(opts.ExternalLabels),
		ahead:        opts.Ahead,
		log:          log,
		standing:     &standing{firing: make(map[uint64]*message)},
		announcer:    newAnnouncer(log),
	}
	cl := newClusters()
	for _, ep := range opts.Endpoints {
		n.senders = append(n.senders, newSender(ep, &opts, n.standing, cl, m.forAlertmanager(ep.name), log))
	}
	if opts.Registerer != nil {
		opts.Registerer.MustRegister(collector{n.senders})
	}
	return n, nil
}

// Send takes over the latest state of some alerts. It never blocks, keeps no
// reference to ns, and may be called before Run, during Run, after Run has
// returned, and from several goroutines. Of two states of one alert the one
// that was handed over later wins, so the states of one alert should come from
// one goroutine.
//
// A firing alert should be handed over again before its EndsAt. One that could
// not be delivered in time is not forgotten: when the Alertmanager is back it
// is sent with an EndsAt that lies as far ahead as it did at hand-over.
func (n *Notifier) Send(ns []alert.Notification) {
	if len(ns) == 0 {
		return
	}
	now, ahead := time.Now(), n.ahead()
	ms := make([]*message, 0, len(ns))
	for _, note := range ns {
		ms = append(ms, newMessage(note, n.external, now.Add(ahead)))
	}
	if len(n.senders) == 0 {
		n.announcer.announce(ms)
		return
	}
	n.standing.update(ms, now.Add(ahead), func() {
		for _, s := range n.senders {
			s.enqueue(ms, now)
		}
	})
}

// restoredAhead bounds how far ahead the end of a restored firing alert lies. That
// of one that was refreshed all through an outage is as far from its beginning as
// the outage was long: a receiver would hold on to it for as long again.
const restoredAhead = 15 * time.Minute

// Restore takes over what the process before could not deliver, by the names of
// the receivers. It must come before the first Send.
func (n *Notifier) Restore(left map[string][]alert.Undelivered) {
	now := time.Now()
	made := func(u alert.Undelivered) *message {
		// As if handed over when it happened: it is overdue, and its end lies as far
		// ahead as it did.
		handed := u.StartsAt
		switch {
		case u.Resolved:
			handed = u.EndsAt
		case u.EndsAt.Sub(handed) > restoredAhead:
			u.EndsAt = handed.Add(restoredAhead)
		}
		return newMessage(u.Notification, n.external, handed)
	}
	for _, s := range n.senders {
		if us := left[s.name]; len(us) > 0 {
			s.log.Info("undelivered alerts of the process before", "incidents", len(us))
			s.overflowing(s.outbox.restore(us, made, now, n.ahead()), now)
		}
	}
}

// Undelivered is what each receiver has yet to be told, as Restore takes it.
func (n *Notifier) Undelivered() map[string][]alert.Undelivered {
	now := time.Now()
	left := make(map[string][]alert.Undelivered, len(n.senders))
	for _, s := range n.senders {
		left[s.name] = s.outbox.undelivered(now)
	}
	return left
}

// Run sends until ctx ends, then gives every Alertmanager one more chance to
// take what is left, all of them at once and within the drain timeout. It
// returns when all its goroutines have ended. It may be called once; a second
// call returns an error at once.
//
// End ctx after the producers of alerts have stopped: what is handed over while
// Run drains is sent only if there is time.
func (n *Notifier) Run(ctx context.Context) error {
	if n.started.Swap(true) {
		return errors.New("notify: run called twice")
	}
	// Requests outlive ctx by the drain timeout: cutting them off when ctx ends
	// would fail a delivery that is about to succeed.
	sendCtx, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()

	var wg sync.WaitGroup
	for _, s := range n.senders {
		wg.Go(func() { s.run(ctx, sendCtx) })
	}
	<-ctx.Done()
	deadline := time.AfterFunc(n.drainTimeout, cutOff)
	defer deadline.Stop()
	wg.Wait()
	return nil
}

// Status returns how each Alertmanager is doing, in the order of
// Options.Endpoints. The result is a copy. Any goroutine may call it at any
// time.
func (n *Notifier) Status() []Status {
	out := make([]Status, 0, len(n.senders))
	for _, s := range n.senders {
		st := *s.status.Load()
		st.Pending = s.outbox.len()
		st.Dropped += s.overflow.Load()
		st.Undelivered, st.OldestUndelivered, st.Late = s.outbox.owed()
		out = append(out, st)
	}
	return out
}

// Package engine decides when to evaluate, what changed, and what to send. It
// runs the user's rules over storage with the semantics of Prometheus, and keeps
// the state of their alerts.
//
// Invariants: one goroutine owns a group and everything in it; readers see
// immutable snapshots; every decision is a function of the timestamp of the
// evaluation, which comes with the tick; a change of state is journalled before
// it is sent; an alert leaves firing or pending only because a successful
// evaluation over fresh data did not return it.
package engine

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/rules"
)

// Defaults where an option is zero.
const (
	DefaultInterval    = 15 * time.Second
	DefaultResendDelay = time.Minute
	DefaultHoldLimit   = time.Hour
	DefaultPauseHold   = 15 * time.Minute
)

// Options are what the engine reads from, writes to, and goes by.
type Options struct {
	Queryable  storage.Queryable
	Appendable storage.AppendableV2
	// Notify takes what is to be sent. It must not block. May be nil.
	Notify func([]alert.Notification)
	// Journal takes every change of state, before it is sent. An error means
	// that the change may not survive the process; evaluation goes on. It is
	// called from several goroutines. May be nil.
	Journal func(alert.Changes) error
	// Interval is that of groups without their own; ScrapeInterval that of the
	// ticks that follow a scrape.
	Interval, ScrapeInterval time.Duration
	// ResendDelay is the least time between two notifications of an unchanged
	// alert.
	ResendDelay time.Duration
	// HoldLimit is how long an alert is held for want of evidence.
	HoldLimit time.Duration
	// PauseHold is how long receivers are asked to keep firing alerts when the
	// engine pauses.
	PauseHold time.Duration
	// Observe gets the state of a group after each of its evaluations. It is
	// called from several goroutines. May be nil.
	Observe func(GroupStatus)
	// NoAnnotations leaves annotations empty, for those who only ask what fires
	// and when: their templates cost more than most expressions.
	NoAnnotations bool
	// Foresight is for those who replay history; nil where there is a present.
	Foresight *Foresight
	// ExternalLabels and ExternalURL are for templates and generator URLs.
	ExternalLabels labels.Labels
	ExternalURL    *url.URL
	Logger         *slog.Logger
	Registerer     prometheus.Registerer
}

// Tick says that a scrape has been committed, at the timestamp of its samples.
type Tick struct {
	At time.Time
	// Up: the target answered.
	Up bool
	// Restoring: it is a Docker engine that starts, whose counts mean nothing yet.
	Restoring bool
}

// Engine evaluates the groups that Load gave it, while Run runs.
type Engine struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics
	promql  *promql.Engine

	mu       sync.Mutex
	next     []rules.Group  // guarded by mu: what Load gave and Run has not taken
	haveNext bool           // guarded by mu
	restore  []alert.Record // guarded by mu: what Restore gave and no group has taken
	stopped  time.Time      // guarded by mu: when the records of restore were current
	loaded   chan struct{}  // one slot: there is a next
	groups   atomic.Pointer[[]*group]
	lastTick atomic.Pointer[Tick]
	resumed  bool // owned by Run: the groups have been evaluated before a pause
}

// New makes an engine; it starts nothing.
func New(opts Options) *Engine {
	setDefault(&opts.Interval, DefaultInterval)
	setDefault(&opts.ScrapeInterval, opts.Interval)
	setDefault(&opts.ResendDelay, DefaultResendDelay)
	setDefault(&opts.HoldLimit, DefaultHoldLimit)
	setDefault(&opts.PauseHold, DefaultPauseHold)
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Registerer == nil {
		opts.Registerer = prometheus.NewRegistry()
	}
	if opts.ExternalURL == nil {
		opts.ExternalURL = &url.URL{}
	}
	if opts.Notify == nil {
		opts.Notify = func([]alert.Notification) {}
	}
	if opts.Journal == nil {
		opts.Journal = func(alert.Changes) error { return nil }
	}
	if opts.Observe == nil {
		opts.Observe = func(GroupStatus) {}
	}
	e := &Engine{
		opts: opts, log: opts.Logger.With("component", "engine"),
		metrics: newMetrics(opts.Registerer), loaded: make(chan struct{}, 1),
		promql: newPromQL(opts),
	}
	e.groups.Store(&[]*group{})
	return e
}

func setDefault(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}

// Load replaces the rules. State is kept for every rule that is still there, and
// a rule that is gone resolves what it had firing. It returns at once; a running
// engine takes the rules over between two evaluations, a stopped one at the next
// Run.
func (e *Engine) Load(groups []rules.Group) {
	e.mu.Lock()
	e.next, e.haveNext = groups, true
	e.mu.Unlock()
	select {
	case e.loaded <- struct{}{}:
	default:
	}
}

// Restore hands over the alerts of the process before, as they were at stopped.
// It must come before the first Run; rules find their alerts when they are
// loaded.
func (e *Engine) Restore(records []alert.Record, stopped time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.restore, e.stopped = records, stopped
}

// Tick tells that a scrape has been committed: groups that follow the scrape are
// evaluated now. It never blocks. Groups whose interval is no multiple of the
// scrape's keep their own time.
func (e *Engine) Tick(t Tick) {
	e.lastTick.Store(&t)
	for _, g := range *e.groups.Load() {
		g.tick(t)
	}
}

// Run evaluates until ctx is done, then finishes the evaluations under way and
// returns. It may be called again later: that is the end of a pause, and the time
// of the pause counts for no `for`.
func (e *Engine) Run(ctx context.Context) error {
	e.takeNext(nil)
	for ctx.Err() == nil {
		turn, stop := context.WithCancel(ctx)
		var running sync.WaitGroup
		for _, g := range *e.groups.Load() {
			running.Go(func() { g.run(turn) })
		}
		select {
		case <-ctx.Done():
		case <-e.loaded:
		}
		stop()
		running.Wait()
		if ctx.Err() == nil {
			e.takeNext(e.lastTick.Load())
		}
	}
	for _, g := range *e.groups.Load() {
		g.paused = true
	}
	return nil
}

// Pause is the last will before a pause or the end: it asks receivers to keep
// what fires until a restart has had its time, and journals all state. Call it
// after Run has returned. at is the time of the pause.
func (e *Engine) Pause(at time.Time) error {
	var ns []alert.Notification
	changes := alert.Changes{At: at}
	for _, g := range *e.groups.Load() {
		for _, r := range g.alerting() {
			ns = append(ns, r.lastWill(at, e.opts.PauseHold)...)
			changes.Upserts = append(changes.Upserts, r.records()...)
		}
		g.publish()
	}
	err := e.opts.Journal(changes)
	if len(ns) > 0 {
		e.opts.Notify(ns)
	}
	if err != nil {
		return errors.Join(errors.New("journal alert state"), err)
	}
	return nil
}

// Snapshot is what the engine knew after each group's last evaluation.
func (e *Engine) Snapshot() *Snapshot {
	s := &Snapshot{}
	for _, g := range *e.groups.Load() {
		st := g.status.Load()
		s.Groups = append(s.Groups, *st)
		if st.LastEvaluation.After(s.At) {
			s.At = st.LastEvaluation
		}
	}
	return s
}

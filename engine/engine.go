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
	// Counting is told of each evaluation after which some time runs, of a `for` or
	// keep_firing_for. It is called from several goroutines. May be nil.
	Counting func(at time.Time)
	// Interval is that of groups without their own; ScrapeInterval that of the
	// ticks that follow a scrape.
	Interval, ScrapeInterval time.Duration
	// Now is the time by which ticks are stamped, for what is decided between them;
	// nil is the wall clock.
	Now func() time.Time
	// ResendDelay is the least time between two notifications of an unchanged
	// alert.
	ResendDelay time.Duration
	// AlertLimit is how many alerts all rules together may have, pending and
	// firing; what is beyond it waits. Zero is no limit.
	AlertLimit int
	// HoldLimit is how long an alert is held for want of evidence.
	HoldLimit time.Duration
	// PauseHold is how long receivers are asked to keep firing alerts when the
	// engine pauses.
	PauseHold time.Duration
	// RuleTimeout is how long the evaluation of one rule may take, its templates
	// too; zero means the interval of its group, 5 s at least and 2 min at most.
	RuleTimeout time.Duration
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
	// Stepped is by how much the clock has jumped since the process began, all steps
	// together, and Slept for how long the machine slept: state follows both.
	Stepped, Slept time.Duration
}

// Engine evaluates the groups that Load gave it, while Run runs.
type Engine struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics
	promql  *promql.Engine
	quota   *quota
	trouble journalTrouble

	mu       sync.Mutex
	next     *loadedRules   // guarded by mu: what Load gave and Run has not taken
	restored *restoredState // guarded by mu: what Restore gave and no rule has taken
	loaded   chan struct{}  // one slot: there is a next

	running  atomic.Bool // ticks are heard
	groups   atomic.Pointer[[]*group]
	lastTick atomic.Pointer[Tick]
	// announced is the scrape that is in storage, or is about to be.
	announced atomic.Pointer[Tick]
	coverage  atomic.Pointer[coverage]
	orphans   seriesSet // owned by Run: series to be marked stale, without a group to do it
}

// loadedRules is what Load gave.
type loadedRules struct {
	groups   []rules.Group
	complete bool
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
	if opts.Counting == nil {
		opts.Counting = func(time.Time) {}
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Observe == nil {
		opts.Observe = func(GroupStatus) {}
	}
	e := &Engine{
		opts: opts, log: opts.Logger.With("component", "engine"),
		metrics: newMetrics(opts.Registerer), loaded: make(chan struct{}, 1),
		promql: newPromQL(opts), quota: newQuota(opts.AlertLimit),
	}
	e.groups.Store(&[]*group{})
	e.coverage.Store(&coverage{})
	opts.Registerer.MustRegister(collector{e.Snapshot})
	return e
}

func setDefault(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}

// Load replaces the rules. State is kept for every rule that is still there. What
// rules that are gone had firing is resolved if the rules are complete; if some of
// the user's could not be read, it is held. Load returns at once; a running engine
// takes the rules over between two evaluations, a stopped one when it begins.
func (e *Engine) Load(groups []rules.Group, complete bool) {
	e.mu.Lock()
	e.next = &loadedRules{groups, complete}
	e.mu.Unlock()
	select {
	case e.loaded <- struct{}{}:
	default:
	}
}

// Restore hands over, at now, the alerts of the process before, as they were at
// asOf. The time between counts for no `for`; where now is earlier, the clock went
// back. It must come before the first Begin; rules find their alerts when they are
// loaded, and the journal gets them as they are then.
func (e *Engine) Restore(records []alert.Record, asOf, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.restored = &restoredState{records, asOf, now}
}

// Resave gives all state to the journal with the next evaluations: for a journal
// that was out of reach.
func (e *Engine) Resave() {
	for _, g := range *e.groups.Load() {
		g.resave.Store(true)
	}
}

// Tick tells that a scrape has been committed: groups that follow the scrape are
// evaluated now. It never blocks. Groups whose interval is no multiple of the
// scrape's keep their own time.
func (e *Engine) Tick(t Tick) {
	if !e.running.Load() {
		return // what comes in a pause is no news after it
	}
	e.observe(t)
	for _, g := range *e.groups.Load() {
		g.tick(t)
	}
}

// Announce tells of a scrape before its samples are in storage. The tick comes after
// that, and a group with its own time may be evaluated in between.
func (e *Engine) Announce(t Tick) { e.announced.Store(&t) }

// doubtful tells what is known against what storage shows now: that it is not fresh,
// or that it means nothing.
func (e *Engine) doubtful() (stale, blind bool) {
	t := e.announced.Load()
	if t == nil {
		return false, false
	}
	return !t.Up, t.Restoring
}

// observe notes a tick before groups hear of it. Ticks come from one goroutine.
func (e *Engine) observe(t Tick) {
	if t.Up && !t.Restoring {
		c := e.coverage.Load().seen(t.At, e.opts.ScrapeInterval)
		e.coverage.Store(&c)
	}
	e.lastTick.Store(&t)
}

// Begin takes over what Load gave and listens to ticks, which are evaluated once
// Run runs. Call it before scraping starts, so that the first scrape is heard; Run
// does it too.
func (e *Engine) Begin() {
	if !e.running.Load() {
		e.takeNext(e.lastTick.Load())
		e.running.Store(true)
	}
}

// Run evaluates until ctx is done, then finishes the evaluations under way and
// returns. It may be called again later: that is the end of a pause, and the time
// of the pause counts for no `for`.
func (e *Engine) Run(ctx context.Context) error {
	e.Begin()
	defer e.running.Store(false)
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
			e.reload()
		}
	}
	for _, g := range *e.groups.Load() {
		g.paused = true
	}
	return nil
}

// reload takes over what Load gave, and lets new groups catch up with the last
// tick.
func (e *Engine) reload() {
	last := e.lastTick.Load()
	e.takeNext(last)
	if last == nil {
		return
	}
	for _, g := range *e.groups.Load() {
		if last.At.After(g.last) {
			g.tick(*last)
		}
	}
}

// Pause is the last will before a pause or the end: it asks receivers to keep
// what fires until a restart has had its time, and journals all state. Call it
// after Run has returned. at is the time of the pause.
func (e *Engine) Pause(at time.Time) error {
	var ns []alert.Notification
	changes := alert.Changes{At: at, Replace: true}
	for _, g := range *e.groups.Load() {
		if g.paused && !g.asOf.IsZero() {
			g.shift(at.Sub(g.asOf)) // also where no evaluation came between two pauses
			g.asOf = at
		}
		for _, r := range g.alerting() {
			ns = append(ns, r.lastWill(at, e.opts.PauseHold)...)
			changes.Upserts = append(changes.Upserts, r.records()...)
		}
		g.publish()
	}
	changes.News = newsOf(ns)
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

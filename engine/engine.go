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

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/rules"
)

// Engine evaluates the groups that Load gave it, while Run runs.
type Engine struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics
	promql  *promql.Engine
	quota   *quota
	slots   slots
	// fallbacks are the slots of rules that the plan does not answer: when its window
	// is filled late, all groups ask the query engine at once, and would leave the next
	// filling no CPU.
	fallbacks slots
	checks    checks
	trouble   journalTrouble

	mu       sync.Mutex
	next     *loadedRules   // guarded by mu: what Load gave and Run has not taken
	restored *restoredState // guarded by mu: what Restore gave and no rule has taken
	loaded   chan struct{}  // one slot: there is a next

	running  atomic.Bool // ticks are heard
	heard    atomic.Bool // there was one since Begin
	groups   atomic.Pointer[[]*group]
	lastTick atomic.Pointer[Tick]
	// announced is the scrape that is in storage, or is about to be.
	announced atomic.Pointer[Tick]
	coverage  atomic.Pointer[coverage]
	ticked    atomic.Pointer[coverage] // when there were ticks, whether the target answered or not
	own       atomic.Pointer[ownTarget]
	roster    *roster
	watch     atomic.Int64 // how long there were ticks, in nanoseconds
	orphans   seriesSet    // owned by Run: series to be marked stale, without a group to do it
	// resaves counts how often the journal was to be given all state: a group that has
	// followed fewer does so with its next evaluation.
	resaves  atomic.Uint64
	external atomic.Pointer[map[string]string] // what templates know as $externalLabels
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
		opts.Counting = func(time.Time, time.Duration) {}
	}
	if opts.Identity == nil {
		opts.Identity = func() string { return "" }
	}
	if opts.Oldest == nil {
		opts.Oldest = func() time.Time { return time.Time{} }
	}
	if opts.Observe == nil {
		opts.Observe = func(GroupStatus) {}
	}
	e := &Engine{
		opts: opts, log: opts.Logger.With("component", "engine"),
		metrics: newMetrics(opts.Registerer), loaded: make(chan struct{}, 1),
		promql: newPromQL(opts), quota: newQuota(opts.AlertLimit), roster: newRoster(), slots: newSlots(), fallbacks: newSlots(),
	}
	if e.opts.Now == nil {
		e.opts.Now = func() Tick { return e.known(time.Now()) }
	}
	e.groups.Store(&[]*group{})
	e.SetExternalLabels(opts.ExternalLabels)
	e.coverage.Store(&coverage{})
	e.ticked.Store(&coverage{})
	opts.Registerer.MustRegister(collector{e.Snapshot})
	return e
}

// SetExternalLabels replaces those of the options, for all templates that are filled in
// from now on. Any goroutine may call it.
func (e *Engine) SetExternalLabels(ls labels.Labels) {
	m := ls.Map()
	e.external.Store(&m)
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
func (e *Engine) Resave() { e.resaves.Add(1) }

// Begin takes over what Load gave and listens to ticks, which are evaluated once
// Run runs. Call it before scraping starts, so that the first scrape is heard; Run
// does it too.
func (e *Engine) Begin() {
	if !e.running.Load() {
		e.takeNext(e.lastTick.Load())
		for _, g := range *e.groups.Load() {
			g.drain()
		}
		e.heard.Store(false)
		e.roster.begin()
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
	if last == nil || !e.heard.Load() {
		return // what was before a pause is no news after it
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
	now := e.opts.Now()
	now.At = at
	for _, g := range *e.groups.Load() {
		g.closeGap(now)
		if !g.asOf.IsZero() {
			g.asOf = at // nor does what is left until then count
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

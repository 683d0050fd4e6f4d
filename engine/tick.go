package engine

import (
	"time"
)

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

	heard time.Time // when Tick was told, by the wall clock; zero for all else
}

// Tick tells that a scrape has been committed: groups that follow the scrape are
// evaluated now. It never blocks. Groups whose interval is no multiple of the
// scrape's keep their own time.
func (e *Engine) Tick(t Tick) {
	if !e.running.Load() {
		return // what comes in a pause is no news after it
	}
	e.observe(t)
	e.heard.Store(true)
	t.heard = time.Now()
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

// known is a moment that the clock had come to by the last tick.
func (e *Engine) known(at time.Time) Tick {
	t := Tick{At: at}
	if last := e.lastTick.Load(); last != nil {
		t.Stepped, t.Slept = last.Stepped, last.Slept
	}
	return t
}

// input is what an evaluation goes by that begins now.
func (e *Engine) input(t Tick, offset time.Duration) input {
	oldest := e.opts.Oldest()
	in := input{
		ts: t.At, at: t.At.Add(-offset), fresh: t.Up, blind: t.Restoring,
		coverage: e.coverage.Load().since(oldest), ticked: e.ticked.Load().since(oldest),
		heard: e.roster.heard.Load(), watched: e.watched(), holdLimit: e.opts.HoldLimit,
	}
	e.roster.look(in.ts, in.watched)
	return in
}

// watched is for how long there were ticks, all together: time that no clock sets,
// and no pause and no sleep counts for.
func (e *Engine) watched() time.Duration { return time.Duration(e.watch.Load()) }

// observe notes a tick before groups hear of it. Ticks come from one goroutine.
func (e *Engine) observe(t Tick) {
	if last := e.lastTick.Load(); last != nil {
		e.watch.Add(int64(min(max(0, t.At.Sub(last.At)), 2*e.opts.ScrapeInterval)))
	}
	ticked := e.ticked.Load().seen(t.At, e.opts.ScrapeInterval)
	e.ticked.Store(&ticked)
	if t.Up && !t.Restoring {
		c := e.coverage.Load().seen(t.At, e.opts.ScrapeInterval)
		e.coverage.Store(&c)
	}
	e.lastTick.Store(&t)
}

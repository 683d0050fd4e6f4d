package engine

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Step evaluates, one after the other and on the spot, the groups that are due at
// t, and returns when they are done: the same evaluation as Run's, for those who
// drive time themselves (unit tests of rules). A group is due when its
// interval has passed since its last evaluation. It takes over what Load gave. It
// must not be called while Run runs.
func (e *Engine) Step(ctx context.Context, t Tick) {
	e.takeNext(e.lastTick.Load())
	e.observe(t)
	for _, g := range *e.groups.Load() {
		if g.last.IsZero() || t.At.Sub(g.last) >= g.interval {
			g.eval(ctx, t)
		}
	}
}

// Replay evaluates, one after the other and on the spot, what Run would have
// evaluated since the tick before: groups that keep their own time at their slots
// up to t, those that follow the scrape at t, if they are due. It takes over what
// Load gave. It must not be called while Run runs.
func (e *Engine) Replay(ctx context.Context, t Tick) {
	before := e.lastTick.Load()
	e.takeNext(before)
	e.observe(t)
	if before != nil {
		e.evalSlots(ctx, *before, t)
	}
	for _, g := range *e.groups.Load() {
		scrape := e.opts.ScrapeInterval
		if follows(g.interval, scrape) && due(t.At, g.last, g.interval, scrape) {
			g.eval(ctx, t)
		}
	}
}

// Suspend says that nobody looks from the last Replay until the next: that time
// counts for no `for`. It must not be called while Run runs.
func (e *Engine) Suspend() {
	for _, g := range *e.groups.Load() {
		g.paused = true
	}
	e.lastTick.Store(nil)
}

// slot is one evaluation of a group that keeps its own time.
type slot struct {
	at    time.Time
	group *group
}

// evalSlots evaluates at the slots after one tick, up to and with the next, in
// the order of time.
func (e *Engine) evalSlots(ctx context.Context, before, t Tick) {
	var slots []slot
	for _, g := range *e.groups.Load() {
		if follows(g.interval, e.opts.ScrapeInterval) {
			continue
		}
		for at := g.nextSlot(before.At); !at.After(t.At); at = at.Add(g.interval) {
			slots = append(slots, slot{at, g})
		}
	}
	slices.SortStableFunc(slots, func(a, b slot) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	for _, s := range slots {
		known := before // what the last scrape said
		if s.at.Equal(t.At) {
			known = t
		}
		known.At = s.at
		s.group.eval(ctx, known)
	}
}

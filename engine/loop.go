package engine

import (
	"context"
	"time"
)

// drainTimeout is how long the evaluation under way may go on after the stop.
const drainTimeout = 1500 * time.Millisecond

// tick puts t into the slot, over an older one.
func (g *group) tick(t Tick) {
	for {
		select {
		case g.ticks <- t:
			return
		default:
		}
		select {
		case <-g.ticks:
		default:
		}
	}
}

// run evaluates until ctx is done.
func (g *group) run(ctx context.Context) {
	evalCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drainTimeout, cancel) })()
	if follows(g.interval, g.engine.opts.ScrapeInterval) {
		g.follow(ctx, evalCtx)
	} else {
		g.keepTime(ctx, evalCtx)
	}
}

// follow evaluates after scrapes. Should scrapes stop coming, which only a fault
// of ours can cause, evaluation goes on without them, on data that is not fresh.
func (g *group) follow(ctx, evalCtx context.Context) {
	scrape := g.engine.opts.ScrapeInterval
	patience := g.interval + 2*scrape
	var alarm <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-g.ticks:
			if due(t.At, g.last, g.interval, scrape) {
				g.eval(evalCtx, t)
			}
		case <-alarm:
			if t, ok := g.engine.unseen(); ok {
				g.log.Warn("no scrape came, evaluating without")
				g.eval(evalCtx, t)
			}
		}
		alarm = time.After(patience)
	}
}

// unseen is the tick of a moment without a scrape. There is none while the clock has
// jumped and no scrape has come since: what storage has is of another time.
func (e *Engine) unseen() (t Tick, ok bool) {
	t = e.opts.Now()
	t.At = t.At.Round(0).Truncate(time.Millisecond)
	last := e.known(t.At)
	return t, t.Stepped == last.Stepped && t.Slept == last.Slept
}

// drain takes out a tick from before a pause.
func (g *group) drain() {
	select {
	case <-g.ticks:
	default:
	}
}

// keepTime evaluates at the group's own slots, from the first scrape on.
func (g *group) keepTime(ctx, evalCtx context.Context) {
	var t Tick
	select {
	case <-ctx.Done():
		return
	case t = <-g.ticks:
	}
	for {
		now := g.engine.opts.Now()
		slot := g.nextSlot(now.At)
		timer := time.NewTimer(slot.Sub(now.At))
		next, waits := g.await(ctx, timer.C, t)
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
		t = next
		if waits {
			continue
		}
		due := t
		due.At, due.heard = slot.Round(0), time.Time{}
		due.Up = t.Up && slot.Sub(t.At) < 3*g.engine.opts.ScrapeInterval
		if now, ok := g.engine.unseen(); ok && now.Stepped == t.Stepped && now.Slept == t.Slept {
			g.eval(evalCtx, due)
			continue
		}
		select { // the slot is of another time: the next scrape tells which
		case <-ctx.Done():
			return
		case t = <-g.ticks:
		}
	}
}

// await waits for a slot, and hears ticks meanwhile. With one over which the clock
// has jumped the slot is another.
func (g *group) await(ctx context.Context, slot <-chan time.Time, t Tick) (last Tick, jumped bool) {
	for {
		select {
		case <-ctx.Done():
			return t, true
		case next := <-g.ticks:
			jumped = next.Stepped != t.Stepped || next.Slept != t.Slept
			if t = next; jumped {
				return t, true
			}
		case <-slot:
			return t, false
		}
	}
}

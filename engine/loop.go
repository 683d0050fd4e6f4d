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
			g.log.Warn("no scrape came, evaluating without")
			g.eval(evalCtx, g.engine.unseen())
		}
		alarm = time.After(patience)
	}
}

// unseen is the tick of a moment without a scrape.
func (e *Engine) unseen() Tick {
	t := Tick{At: e.opts.Now().Round(0).Truncate(time.Millisecond)}
	if last := e.lastTick.Load(); last != nil {
		t.Stepped, t.Slept = last.Stepped, last.Slept
	}
	return t
}

// keepTime evaluates at the group's own slots, from the first scrape on.
func (g *group) keepTime(ctx, evalCtx context.Context) {
	var t Tick
	select {
	case <-ctx.Done():
		return
	case t = <-g.ticks:
	}
	heard := time.Now()
	for {
		now := g.engine.opts.Now()
		slot := nextSlot(now, g.interval, g.key())
		timer := time.NewTimer(slot.Sub(now))
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case next := <-g.ticks:
				waiting = next.Stepped == t.Stepped && next.Slept == t.Slept // else the slot is another
				t, heard = next, time.Now()
			case <-timer.C:
				due := t
				due.At = slot.Round(0)
				due.Up = t.Up && time.Since(heard) < 3*g.engine.opts.ScrapeInterval
				g.eval(evalCtx, due)
				waiting = false
			}
		}
		timer.Stop()
	}
}

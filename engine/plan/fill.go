package plan

import (
	"context"
	"errors"
	"time"
)

const (
	// retryAfter is how long, in milliseconds of evaluation time, nothing is tried
	// after the window could not be filled.
	retryAfter = 30_000
	// fillTries is how often one evaluation has the window filled, or waits for it.
	fillTries = 3
)

// filling is one reading of storage into the window. Who finds the window wanting
// does it, others wait; neither transactions nor readers of metrics have to.
type filling struct {
	done  chan struct{} // closed at its end
	whole bool          // all of the window, not only what is broken

	// Guarded by the plan's mutex.
	generation uint64   // of the storage that is read
	listening  bool     // what is committed is later than what is read
	late       []sample // what was committed
	void       bool     // there may be more in storage than was read and heard of
}

// hear takes in what was committed after reading began. ours: it is in the storage
// that is read.
func (f *filling) hear(batch []sample, ours bool, most int) {
	if f.void = f.void || !ours || len(f.late)+len(batch) > most; f.void {
		f.late = nil
		return
	}
	f.late = append(f.late, batch...)
}

// ready has the window agree with storage, for an evaluation of the rule at ts. It
// is called with mu held, and gives it up while storage is read. It is false where
// promql.Engine has to be asked.
func (r *Rule) ready(ctx context.Context, ts int64) (extent, bool) {
	p := r.plan
	for range fillTries {
		if r.never || ctx.Err() != nil {
			return extent{}, false
		}
		if e := r.extent(ts); p.agrees(e) {
			return e, true
		}
		if !p.fill(ctx, ts) {
			return extent{}, false
		}
	}
	return extent{}, false
}

// agrees tells whether the window holds what storage has.
func (p *Plan) agrees(e extent) bool {
	return p.filling == nil && p.filled && e.generation == p.generation && len(p.window.broken) == 0 && !p.crowded()
}

// crowded tells that the window has grown beyond what it may hold.
func (p *Plan) crowded() bool { return p.window.size > p.opts.MaxPoints+p.opts.MaxPoints/4 }

// fill brings the window to what storage has, or waits until it was. It is called
// with mu held, and gives it up meanwhile.
func (p *Plan) fill(ctx context.Context, ts int64) bool {
	if p.retry != never && ts < p.retry && ts >= p.retry-retryAfter {
		return false
	}
	ctx, cancel := half(ctx)
	defer cancel()
	if f := p.filling; f != nil {
		return p.unlocked(func() error {
			select {
			case <-f.done:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}) == nil
	}
	f := &filling{done: make(chan struct{}), whole: !p.filled || len(p.window.broken) == 0}
	p.filling, p.retry = f, never
	defer func() {
		if p.filling == f {
			p.filling = nil
		}
		close(f.done)
	}()
	if err := p.read(ctx, f, ts); err != nil {
		if p.filling == f {
			p.failed(ctx, ts, err)
		}
		return false
	}
	return p.filling == f
}

// read reads what is wanted. Called with mu held.
func (p *Plan) read(ctx context.Context, f *filling, ts int64) error {
	generation, oldest, _ := p.opts.Extent(0, 0)
	if f.whole || generation != p.generation {
		f.whole, p.filled = true, false
		p.window.empty()
	}
	if !f.whole {
		return p.repair(ctx, f, ts)
	}
	if err := p.readAll(ctx, f, ts); err != nil || p.filling != f {
		return err
	}
	// The head of a TSDB may have kept more than what it says is its oldest sample,
	// and shows that to some queries: the window has it then.
	p.filled, p.generation, p.oldest = !f.void, f.generation, min(oldest, p.window.oldest())
	return nil
}

// unlocked does something that may take long without mu, which is held before and
// afterwards.
func (p *Plan) unlocked(do func() error) error {
	p.mu.Unlock()
	defer p.mu.Lock()
	return do()
}

// half leaves the other half of the time to the engine, should this half not do.
func half(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, end.Add(-time.Until(end)/2))
}

// failed says when to try again. If time was too short it is with half of the
// reach, or it would never be done.
func (p *Plan) failed(ctx context.Context, ts int64, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	if ctx.Err() != nil {
		p.ceiling = p.window.farthest() / 2
	}
	p.retry = ts + retryAfter
	p.log.Warn("recent samples cannot be read, rules are evaluated over storage", "err", err, "next_try_in", retryAfter*time.Millisecond)
}

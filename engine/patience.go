package engine

import (
	"context"
	"sync"
	"time"
)

// patience is a context that ends at a time. Most evaluations are over long before,
// and a plan needs no timer: it is set when somebody waits for the end.
type patience struct {
	context.Context // what ends it too
	until           time.Time
	cause           func() error

	mu     sync.Mutex
	timed  context.Context // guarded by mu; nil until somebody waits
	cancel context.CancelFunc
}

// withPatience gives the context, and what frees it.
func withPatience(ctx context.Context, limit time.Duration, cause func() error) (p *patience, done func()) {
	p = &patience{Context: ctx, until: time.Now().Add(limit), cause: cause}
	return p, p.done
}

func (p *patience) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel != nil {
		p.cancel()
	}
}

func (p *patience) timer() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timed == nil {
		p.timed, p.cancel = context.WithDeadlineCause(p.Context, p.until, p.cause())
	}
	return p.timed
}

func (p *patience) Deadline() (time.Time, bool) { return p.timer().Deadline() }

func (p *patience) Done() <-chan struct{} { return p.timer().Done() }

func (p *patience) Err() error {
	p.mu.Lock()
	timed := p.timed
	p.mu.Unlock()
	if timed == nil && time.Now().Before(p.until) {
		return p.Context.Err()
	}
	return p.timer().Err()
}

// Value asks the timer, once there is one, so that context.Cause finds the cause.
func (p *patience) Value(key any) any {
	p.mu.Lock()
	timed := p.timed
	p.mu.Unlock()
	if timed == nil {
		return p.Context.Value(key)
	}
	return timed.Value(key)
}

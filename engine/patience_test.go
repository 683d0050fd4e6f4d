package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("too long")
		parent, cancel := context.WithCancelCause(t.Context())
		ctx, done := withPatience(parent, time.Minute, func() error { return why })
		defer done()
		time.Sleep(59 * time.Second)
		if ctx.Err() != nil || context.Cause(ctx) != nil {
			t.Errorf("before its end: %v, %v", ctx.Err(), context.Cause(ctx))
		}
		time.Sleep(time.Second)
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) || context.Cause(ctx) != why {
			t.Errorf("at its end: %v, because of %v", ctx.Err(), context.Cause(ctx))
		}

		ctx, done = withPatience(parent, time.Minute, func() error { return why })
		defer done()
		child, cancelChild := context.WithTimeout(ctx, time.Hour)
		defer cancelChild()
		<-child.Done()
		if context.Cause(child) != why {
			t.Errorf("the child ended because of %v", context.Cause(child))
		}
		if end, ok := ctx.Deadline(); !ok || !end.Equal(time.Now()) {
			t.Errorf("deadline %v, now it is %v", end, time.Now())
		}

		ctx, done = withPatience(parent, time.Minute, func() error { return why })
		defer done()
		stop := errors.New("stop")
		cancel(stop)
		if !errors.Is(ctx.Err(), context.Canceled) || context.Cause(ctx) != stop {
			t.Errorf("after its parent: %v, because of %v", ctx.Err(), context.Cause(ctx))
		}
	})
}

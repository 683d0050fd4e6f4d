package engine

import (
	"context"
	"time"
)

// Remain refreshes what fires while the process outlives a pause, on the resend
// delay and each time with an end that is PauseHold ahead: a Docker engine that is
// away for longer than that resolves nothing. It does so for HoldLimit, which is how
// long an alert may do without evidence anywhere else; what nobody has looked at for
// that long, and that much longer as the last refresh said, runs out at the receivers.
//
// Call it after Pause; it returns when ctx is done, which must be before the next
// Begin, or after HoldLimit.
func (e *Engine) Remain(ctx context.Context) {
	now := e.opts.Now().At
	resend := time.NewTimer(e.refreshing().first(now).Sub(now))
	defer resend.Stop()
	limit := time.NewTimer(e.opts.HoldLimit)
	defer limit.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-limit.C:
			e.log.Warn("the pause is longer than an alert is held, what fires is not refreshed any more", "limit", e.opts.HoldLimit)
			return
		case <-resend.C:
			resend.Reset(e.opts.ResendDelay)
			if ctx.Err() == nil {
				e.refresh(e.opts.Now().At)
			}
		}
	}
}

// refresh is the last will once more.
func (e *Engine) refresh(at time.Time) {
	for _, g := range *e.groups.Load() {
		for _, r := range g.alerting() {
			if ns := r.lastWill(at, e.opts.PauseHold); len(ns) > 0 {
				e.opts.Notify(ns)
			}
		}
		g.publish()
	}
}

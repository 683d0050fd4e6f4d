package notify

import (
	"log/slog"
	"time"
)

// repeatEvery is how often a failure that goes on is logged again.
const repeatEvery = 30 * time.Second

// quietLog logs a loop that may fail at every turn: the first failure, a
// failure of another kind, one line every 30 s while it goes on, and once that
// it is over. It is owned by one goroutine.
type quietLog struct {
	log    *slog.Logger
	kind   string    // of the failure that was logged last
	count  int       // failures since the last success
	since  time.Time // of the first of them
	logged time.Time // when the last line was written
}

// failed records one failure; the next attempt follows after wait.
func (q *quietLog) failed(now time.Time, f *failure, wait time.Duration, pending int) {
	if q.count == 0 {
		q.since = now
	}
	q.count++
	if q.count > 1 && f.kind == q.kind && now.Sub(q.logged) < repeatEvery {
		return
	}
	q.kind, q.logged = f.kind, now
	args := []any{"err", f, "failures", q.count, "pending", pending, "retry_in", wait}
	if f.hint != "" {
		args = append(args, "hint", f.hint)
	}
	q.log.Warn("sending alerts failed", args...)
}

// succeeded records a success.
func (q *quietLog) succeeded(now time.Time) {
	if q.count == 0 {
		return
	}
	q.log.Info("sending alerts recovered", "failures", q.count, "failing_for", now.Sub(q.since))
	q.count = 0
}

package engine

import (
	"sync"
	"time"

	"github.com/tocsin/tocsin/alert"
)

// complainEvery is how often a journal that goes on failing is logged.
const complainEvery = 30 * time.Second

// journalTrouble is what has been said of a journal that fails.
type journalTrouble struct {
	mu            sync.Mutex
	since, logged time.Time // guarded by mu; zero while all is well
}

// record journals changes, if there are any, and tells whether it could.
func (e *Engine) record(c alert.Changes) bool {
	return len(c.Upserts)+len(c.Deletes)+len(c.News) == 0 || e.keep(c)
}

// keep journals changes and tells whether it could.
func (e *Engine) keep(c alert.Changes) bool {
	err := e.opts.Journal(c)
	t, now := &e.trouble, time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		if !t.since.IsZero() {
			e.log.Info("alert state is durable again", "after", now.Sub(t.since).Round(time.Second))
		}
		t.since, t.logged = time.Time{}, time.Time{}
		return true
	}
	e.metrics.journalErrors.Inc()
	if t.since.IsZero() {
		t.since = now
	}
	if t.logged.IsZero() || now.Sub(t.logged) >= complainEvery {
		t.logged = now
		e.log.Error("alert state is not durable", "err", err, "since", t.since.UTC().Format(time.RFC3339))
	}
	return false
}

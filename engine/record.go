package engine

import (
	"maps"
	"slices"
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
	// owed is what is to be deleted for rules that are gone or bear another name:
	// nobody else remembers. Guarded by mu.
	owed map[alert.Key]bool
}

// record journals changes, if there are any, and tells whether it could.
func (e *Engine) record(c alert.Changes) bool {
	return len(c.Upserts)+len(c.Deletes)+len(c.News)+e.trouble.owes() == 0 || e.keep(c)
}

// recordLast is record for rules that will not be asked again: what could not be
// deleted is, with the next changes of any rule.
func (e *Engine) recordLast(c alert.Changes) bool {
	if e.record(c) {
		return true
	}
	e.trouble.owe(c)
	return false
}

func (t *journalTrouble) owes() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.owed)
}

// owe notes the deletions of changes that the journal did not take.
func (t *journalTrouble) owe(c alert.Changes) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.owed == nil {
		t.owed = map[alert.Key]bool{}
	}
	for _, k := range c.Deletes {
		t.owed[k] = true
	}
	for _, r := range c.Upserts { // it has its old name again
		delete(t.owed, alert.Key{Rule: r.Rule, Fingerprint: r.Alert.Fingerprint()})
	}
}

// pay adds to changes what is owed.
func (t *journalTrouble) pay(c alert.Changes) alert.Changes {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.owed) > 0 {
		c.Deletes = append(slices.Clone(c.Deletes), slices.Collect(maps.Keys(t.owed))...)
	}
	return c
}

// keep journals changes and tells whether it could.
func (e *Engine) keep(c alert.Changes) bool {
	c = e.trouble.pay(c)
	err := e.opts.Journal(c)
	t, now := &e.trouble, time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		if !t.since.IsZero() {
			e.log.Info("alert state is durable again", "after", now.Sub(t.since).Round(time.Second))
		}
		t.since, t.logged = time.Time{}, time.Time{}
		for _, k := range c.Deletes {
			delete(t.owed, k)
		}
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

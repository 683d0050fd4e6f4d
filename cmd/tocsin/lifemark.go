package main

import (
	"log/slog"
	"sync"
	"time"

	"github.com/tocsin/tocsin/journal"
	"github.com/tocsin/tocsin/storage"
)

const (
	// A mark of life costs the flash a page. What a crash takes of a `for` is the time
	// since the last one: a lifeMarkShare of what runs or, in a process that crashes
	// again and again, of the time that it lives; but no more than lifeMarkMost, and no
	// less than lifeMarkLeast evaluations.
	lifeMarkShare = 4
	lifeMarkMost  = 5 * time.Minute
	lifeMarkLeast = 4
)

// lifeMark notes for the next process until when this one evaluated, while some time
// runs and no samples on the disk tell.
type lifeMark struct {
	needed func() bool
	alive  func(at time.Time, every time.Duration) error
	least  time.Duration
	log    *slog.Logger

	mu    sync.Mutex
	began time.Time // guarded by mu: of the first evaluation after which time ran
}

func newLifeMark(s settings, store *storage.Store, jrnl *journal.Journal, log *slog.Logger) *lifeMark {
	return &lifeMark{
		needed: func() bool { return s.memory || store.Degraded() },
		alive:  jrnl.Alive, least: lifeMarkLeast * s.evalInterval, log: log,
	}
}

// note is told of an evaluation after which some time runs, and how long the shortest
// of what runs is as a whole. It may be called from any goroutine.
func (m *lifeMark) note(at time.Time, shortest time.Duration) {
	if !m.needed() {
		return
	}
	every := max(m.least, min(lifeMarkMost, shortest/lifeMarkShare, m.age(at)/lifeMarkShare))
	if err := m.alive(at, every); err != nil {
		m.log.Debug("no mark of life", "err", err)
	}
}

// age is for how long this process has noted.
func (m *lifeMark) age(at time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.began.IsZero() || at.Before(m.began) { // or the clock stepped back
		m.began = at
	}
	return at.Sub(m.began)
}

package notify

import (
	"log/slog"
	"sync"
)

// announced bounds how many alerts the announcer remembers.
const announced = 4096

// announcer stands in where no Alertmanager is configured: it logs each alert
// that starts or stops firing, once, however often it is handed over again.
type announcer struct {
	log *slog.Logger

	mu       sync.Mutex
	resolved map[uint64]bool // what was logged last, by message.key; guarded by mu
}

func newAnnouncer(log *slog.Logger) *announcer {
	return &announcer{log: log, resolved: make(map[uint64]bool)}
}

func (a *announcer) announce(ms []*message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range ms {
		resolved, known := a.resolved[m.key]
		if known && resolved == m.note.Resolved {
			continue
		}
		if !known && len(a.resolved) >= announced {
			a.forget()
		}
		a.resolved[m.key] = m.note.Resolved
		if m.note.Resolved {
			a.log.Info("alert resolved", "labels", m.note.Labels, "starts_at", m.note.StartsAt, "ends_at", m.note.EndsAt)
		} else {
			a.log.Info("alert firing", "labels", m.note.Labels, "annotations", m.note.Annotations, "starts_at", m.note.StartsAt)
		}
	}
}

// forget makes room: the alerts that have ended, or else all of them. What was
// forgotten too early is logged a second time, which is better than not at
// all. The caller holds mu.
func (a *announcer) forget() {
	for key, resolved := range a.resolved {
		if resolved {
			delete(a.resolved, key)
		}
	}
	if len(a.resolved) >= announced {
		clear(a.resolved)
	}
}

package notify

import (
	"sync"
	"time"
)

// standing is what fires, as it was last handed over: what an Alertmanager that
// has restarted must be told again. It is shared by all senders.
type standing struct {
	mu     sync.Mutex
	firing map[uint64]*message // by message.key; guarded by mu
	swept  time.Time           // guarded by mu
}

// update, at now by the clock of the alerts, takes over messages and passes them on before another update or repeat
// can come between: a receiver must not get an old state over a new one.
func (st *standing) update(ms []*message, now time.Time, pass func()) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, m := range ms {
		if m.note.Resolved {
			delete(st.firing, m.key)
		} else {
			st.firing[m.key] = m
		}
	}
	if now.Sub(st.swept) >= time.Minute || now.Before(st.swept) {
		st.swept = now
		for key, m := range st.firing {
			if !m.stands(now) {
				delete(st.firing, key)
			}
		}
	}
	pass()
}

// stands tells whether an Alertmanager would still have it, had it not restarted.
func (m *message) stands(now time.Time) bool {
	return m.note.EndsAt.IsZero() || m.note.EndsAt.After(now)
}

// repeat lines up for s everything that fires.
func (st *standing) repeat(s *sender, now time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	ms := make([]*message, 0, len(st.firing))
	for _, m := range st.firing {
		if m.stands(now.Add(s.ahead())) {
			ms = append(ms, m)
		}
	}
	s.overflowing(s.outbox.repeat(ms, now), now)
}

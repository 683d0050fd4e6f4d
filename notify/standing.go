package notify

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/tocsin/tocsin/alert"
)

// standing is what fires, as it was last handed over: what a receiver must be told that
// knows nothing, because it is new or has restarted. Guarded by Notifier.mu.
type standing struct {
	firing map[alert.Fingerprint]handed
	swept  time.Time
}

// handed is a firing alert, and when it was handed over, by its own clock.
type handed struct {
	note alert.Notification
	at   time.Time
}

func newStanding() standing { return standing{firing: map[alert.Fingerprint]handed{}} }

// update takes over what was handed over at a time, by the clock of the alerts.
func (st *standing) update(ns []alert.Notification, at time.Time) {
	for i := range ns {
		if fp := ns[i].Fingerprint(); ns[i].Resolved {
			delete(st.firing, fp)
		} else {
			st.firing[fp] = handed{ns[i], at}
		}
	}
	if at.Sub(st.swept) >= time.Minute || at.Before(st.swept) {
		st.swept = at
		maps.DeleteFunc(st.firing, func(_ alert.Fingerprint, h handed) bool { return !h.stands(at) })
	}
}

// stands tells whether an Alertmanager would still have it, had it not restarted.
func (h handed) stands(at time.Time) bool { return h.note.EndsAt.IsZero() || h.note.EndsAt.After(at) }

// all is what fires, the oldest first.
func (st *standing) all(at time.Time) []handed {
	hs := make([]handed, 0, len(st.firing))
	for _, h := range st.firing {
		if h.stands(at) {
			hs = append(hs, h)
		}
	}
	slices.SortFunc(hs, func(a, b handed) int {
		return cmp.Or(a.note.StartsAt.Compare(b.note.StartsAt), cmp.Compare(a.note.Fingerprint(), b.note.Fingerprint()))
	})
	return hs
}

// messages are what fires for receivers of a dress. Called with mu held.
func (n *Notifier) messages(d *dress, now time.Time) []*message {
	var ms []*message
	for _, h := range n.standing.all(now.Add(n.opts.Ahead())) {
		if m := newMessage(h.note, d, h.at); m != nil {
			ms = append(ms, m)
		}
	}
	return ms
}

// repeat lines up for s everything that fires.
func (n *Notifier) repeat(s *sender, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s.overflowing(s.outbox.repeat(n.messages(s.dress, now), now), now)
}

// redress has a receiver know alerts by other labels. Called with mu held.
func (n *Notifier) redress(s *sender, d *dress, now time.Time) {
	if s.dress == d {
		return
	}
	if s.access.ep.url == nil { // nobody knows them by those
		s.dress = d
		n.restore(s, s.outbox.clear(now), now)
		s.overflowing(s.outbox.line(n.messages(d, now)), now)
		return
	}
	at := now.Add(n.opts.Ahead())
	var moves []move
	for _, h := range n.standing.all(at) {
		m := move{newMessage(h.note, s.dress, h.at), newMessage(h.note, d, h.at)}
		if !m.isNone() {
			moves = append(moves, m)
		}
	}
	s.dress = d
	s.overflowing(s.outbox.move(moves, now, at), now)
}

package notify

import (
	"time"

	"github.com/tocsin/tocsin/alert"
)

// restore takes over what the process before left. It must come before any put.
// The times of alerts are ahead of our own clock.
func (o *outbox) restore(us []alert.Undelivered, made func(alert.Undelivered) *message, now time.Time, ahead time.Duration) (dropped int) {
	o.mu.Lock()
	for _, u := range us {
		m := made(u)
		last := u.LastStart
		if last.Before(u.StartsAt) {
			last = u.StartsAt
		}
		if !u.HeldUntil.IsZero() && !u.HeldUntil.After(now) {
			o.receipt(m.fp, last, alert.ToldNever, time.Time{}) // it has been told
			continue
		}
		a := o.account(m.key)
		if a.latest == nil || !m.note.StartsAt.Before(a.latest.note.StartsAt) {
			a.latest = m
		}
		in := incident{fp: m.fp, startsAt: u.StartsAt, since: m.handed.Add(-ahead)}
		switch {
		case !u.HeldUntil.IsZero():
			if soon := now.Add(ahead); last.After(soon) {
				// By a clock that was set back since. It would hold back the end of what
				// fires now; its place in the journal is given up by its own time.
				o.receipt(m.fp, last, alert.ToldNever, time.Time{})
				last = soon
			}
			a.missed.add(m.fp, u.StartsAt, last, m.endedAt(), in.since, max(u.Count, 1))
			a.until = now.Add(min(u.HeldUntil.Sub(now), o.hold))
			continue
		case u.Unseen:
			a.missed.add(m.fp, u.StartsAt, last, m.endedAt(), in.since, max(u.Count, 1))
			a.until = time.Time{}
		case u.Resolved:
			a.unended = in
		default:
			a.untold = in
		}
		dropped += o.lineUp(a)
	}
	o.unlock()
	o.signal()
	return dropped
}

// undelivered is what restore would have to be given.
func (o *outbox) undelivered(now time.Time) []alert.Undelivered {
	o.mu.Lock()
	defer o.unlock()
	var us []alert.Undelivered
	for _, a := range o.index {
		o.expire(a, now)
		note := a.latest.note
		note.Labels, note.News = a.latest.given, true
		if m := a.missed; m.count > 0 {
			n := note
			n.StartsAt, n.EndsAt, n.Resolved = m.first, m.endedAt, true
			us = append(us, alert.Undelivered{Notification: n, Unseen: true, Count: m.count, LastStart: m.last, HeldUntil: a.until})
		}
		if in := a.unended; !in.none() && note.Resolved {
			n := note
			n.StartsAt = in.startsAt
			us = append(us, alert.Undelivered{Notification: n, Count: 1, LastStart: in.startsAt})
		}
		if in := a.untold; !in.none() && !note.Resolved {
			n := note
			n.StartsAt = in.startsAt
			us = append(us, alert.Undelivered{Notification: n, Count: 1, LastStart: in.startsAt})
		}
	}
	return us
}

// owed is how many incidents the Alertmanager has yet to be told of, since when
// the oldest of them waits, and how many were reported late so far.
func (o *outbox) owed() (n int, since time.Time, lates uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range o.index {
		k, t := a.owed()
		n += k
		if !t.IsZero() && (since.IsZero() || t.Before(since)) {
			since = t
		}
	}
	return n, since, o.lates
}

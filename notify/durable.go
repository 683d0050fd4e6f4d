package notify

import (
	"maps"
	"slices"
	"time"

	"github.com/tocsin/tocsin/alert"
)

// restoredAhead bounds how far ahead the end of a restored firing alert lies. That
// of one that was refreshed all through an outage is as far from its beginning as
// the outage was long: a receiver would hold on to it for as long again.
const restoredAhead = 15 * time.Minute

// Restore takes over what the process before could not deliver, by the names of the
// receivers. It must come before the first Send. What is for a receiver that discovery
// has not found yet is kept until that has answered.
func (n *Notifier) Restore(left map[string][]alert.Undelivered) {
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	heirs := n.heirs(left)
	known := n.byName()
	var e estate
	var gone []string
	for _, name := range slices.Sorted(maps.Keys(left)) {
		s := known[name]
		if s == nil && n.mayBeFound() {
			s = n.remember(name)
		}
		if s == nil || len(heirs) > 0 {
			e.add(left[name])
		}
		if s == nil || len(heirs) > 0 && name == Undiscovered {
			gone = append(gone, name)
			continue
		}
		s.came = time.Time{}
		n.restore(s, left[name], now)
	}
	n.remind(left, now)
	n.reconcile(now)
	for _, s := range heirs {
		n.restore(s, e.owed, now)
	}
	if len(heirs) > 0 {
		for _, name := range gone {
			n.opts.Delivered(name, settled(left[name]))
		}
	}
}

// heirs are the receivers, if none of them was there before: nobody else will tell what
// the process before could not. Called with mu held.
func (n *Notifier) heirs(left map[string][]alert.Undelivered) (heirs []*sender) {
	for _, s := range n.senders {
		if s.access.ep.url == nil {
			continue
		}
		if _, known := left[s.name]; known {
			return nil
		}
		heirs = append(heirs, s)
	}
	return heirs
}

// restore gives a receiver what it or another could not be told. Called with mu held.
func (n *Notifier) restore(s *sender, us []alert.Undelivered, now time.Time) {
	if len(us) == 0 {
		return
	}
	s.log.Info("undelivered alerts are taken over", "incidents", len(us))
	made := func(u alert.Undelivered) *message { return restored(u, s.dress) }
	s.overflowing(s.outbox.restore(us, made, now, n.opts.Ahead()), now)
}

// restored is a message as if it was handed over when it happened: it is overdue, and
// its end lies as far ahead as it did.
func restored(u alert.Undelivered, d *dress) *message {
	handed := u.StartsAt
	switch {
	case u.Resolved:
		handed = u.EndsAt
	case u.EndsAt.Sub(handed) > restoredAhead:
		u.EndsAt = handed.Add(restoredAhead)
	}
	return newMessage(u.Notification, d, handed)
}

// remind repeats to all receivers what is owed to some of them and fires: who of them
// knew that in time is not known any more, and decides how the others are told when it
// is over. Called with mu held.
func (n *Notifier) remind(left map[string][]alert.Undelivered, now time.Time) {
	fires := map[alert.Fingerprint]alert.Undelivered{}
	for _, us := range left {
		for _, u := range us {
			if fp := u.Fingerprint(); !u.Resolved && !u.StartsAt.Before(fires[fp].StartsAt) {
				u.News = false
				fires[fp] = u
			}
		}
	}
	for _, s := range n.senders {
		var ms []*message
		for _, u := range fires {
			if m := restored(u, s.dress); m != nil {
				ms = append(ms, m)
			}
		}
		if len(ms) > 0 {
			s.enqueue(ms, now)
		}
	}
}

// Undelivered is what each receiver has yet to be told, as Restore takes it.
func (n *Notifier) Undelivered() map[string][]alert.Undelivered {
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	left := make(map[string][]alert.Undelivered, len(n.senders))
	for _, s := range n.senders {
		left[s.name] = s.outbox.undelivered(now)
	}
	return left
}

// estate is what nobody else will be told of.
type estate struct {
	owed []alert.Undelivered
	seen map[estateKey]bool
}

type estateKey struct {
	fp               alert.Fingerprint
	startsAt         int64
	resolved, unseen bool
}

// add leaves out what is there already, and what somebody was told.
func (e *estate) add(us []alert.Undelivered) {
	if e.seen == nil {
		e.seen = map[estateKey]bool{}
	}
	for _, u := range us {
		key := estateKey{u.Fingerprint(), u.StartsAt.UnixNano(), u.Resolved, u.Unseen}
		if u.HeldUntil.IsZero() && !e.seen[key] {
			e.seen[key] = true
			e.owed = append(e.owed, u)
		}
	}
}

// addAll adds what each of some receivers has yet to be told.
func (e *estate) addAll(ss []*sender, now time.Time) {
	for _, s := range ss {
		e.add(s.outbox.undelivered(now))
	}
}

// overBefore leaves what began and ended before a time, by the clock of the alerts.
func (e *estate) overBefore(at time.Time) {
	e.owed = slices.DeleteFunc(e.owed, func(u alert.Undelivered) bool { return !u.Unseen || !u.EndsAt.Before(at) })
}

// settled are receipts by which a receiver is owed nothing any more.
func settled(us []alert.Undelivered) (rs []alert.Receipt) {
	for _, u := range us {
		last := u.StartsAt
		if u.LastStart.After(last) {
			last = u.LastStart
		}
		rs = append(rs, alert.Receipt{Fingerprint: u.Fingerprint(), StartsAt: last, Told: alert.ToldNever})
	}
	return rs
}

// restore takes over what was left to be told. The times of alerts are ahead of our own
// clock.
func (o *outbox) restore(us []alert.Undelivered, made func(alert.Undelivered) *message, now time.Time, ahead time.Duration) (dropped int) {
	o.mu.Lock()
	for _, u := range us {
		m := made(u)
		last := u.LastStart
		if last.Before(u.StartsAt) {
			last = u.StartsAt
		}
		if m == nil { // it is not to hear of it any more
			o.receipt(u.Fingerprint(), last, alert.ToldNever, time.Time{})
			continue
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

package notify

import (
	"time"

	"github.com/tocsin/tocsin/alert"
)

// move is an alert whose labels at a receiver change.
type move struct {
	from, to *message // nil: the receiver is not to hear of it
}

func (m move) isNone() bool {
	return m.from == nil && m.to == nil || m.from != nil && m.to != nil && m.from.key == m.to.key
}

// move takes alerts that fire to other labels: first they end under those that they
// had, then they begin under the new ones. What the Alertmanager has not been told of
// them goes along.
func (o *outbox) move(moves []move, now, ending time.Time) (dropped int) {
	o.mu.Lock()
	stays := make(map[uint64]bool, len(moves))
	for _, m := range moves {
		if m.to != nil {
			stays[m.to.key] = true
		}
	}
	owed := make([]account, len(moves))
	for i, m := range moves {
		if m.isNone() || m.from == nil {
			continue
		}
		owed[i] = o.takeOwed(m.from.key, now)
		if !stays[m.from.key] {
			a := o.account(m.from.key)
			a.latest = m.from.ended(ending)
			if !a.until.After(now) { // a late report stands until then
				dropped += o.lineUp(a)
			}
		}
	}
	for i, m := range moves {
		switch {
		case m.isNone():
		case m.to == nil:
			o.giveUp(&owed[i])
		default:
			dropped += o.arrive(m.to, owed[i], now)
		}
	}
	o.unlock()
	o.signal()
	return dropped
}

// takeOwed takes from an account what its Alertmanager does not know. The caller holds
// mu.
func (o *outbox) takeOwed(key uint64, now time.Time) (owed account) {
	a := o.index[key]
	if a == nil {
		return owed
	}
	o.expire(a, now)
	owed.untold = a.untold
	a.untold, a.settles, a.told = incident{}, time.Time{}, told{}
	if a.until.IsZero() {
		owed.missed = a.missed
		a.missed = missed{}
	}
	return owed
}

// arrive lines up an alert that fires and that the Alertmanager does not know by these
// labels, with what it is owed besides. The caller holds mu.
func (o *outbox) arrive(m *message, owed account, now time.Time) (dropped int) {
	a := o.account(m.key)
	o.expire(a, now)
	a.latest = m
	if x := owed.missed; x.count > 0 {
		if a.missed.count > 0 {
			o.supersede(incident{fp: a.missed.fp, startsAt: a.missed.last}, incident{fp: x.fp})
		}
		a.missed.add(x.fp, x.first, x.last, x.endedAt, x.since, x.count)
		a.until = time.Time{}
	}
	in := owed.untold
	if in.none() {
		in = incident{fp: m.fp, startsAt: m.note.StartsAt, since: now}
	}
	o.begin(a, in)
	return o.lineUp(a)
}

// greet lines up what fires for an Alertmanager that has never heard of it.
func (o *outbox) greet(standing []*message, now time.Time) (dropped int) {
	o.mu.Lock()
	for _, m := range standing {
		dropped += o.arrive(m, account{}, now)
	}
	o.unlock()
	o.signal()
	return dropped
}

// clear empties an outbox from which nothing has been sent, and returns what is owed.
func (o *outbox) clear(now time.Time) []alert.Undelivered {
	owed := o.undelivered(now)
	o.mu.Lock()
	defer o.unlock()
	o.order.Init()
	clear(o.index)
	return owed
}

// line lines up what fires, without any news of it.
func (o *outbox) line(standing []*message) (dropped int) {
	o.mu.Lock()
	defer o.unlock()
	return o.stand(standing)
}

// withhold notes what the receiver is not to hear of.
func (o *outbox) withhold(ns []alert.Notification) {
	o.mu.Lock()
	defer o.unlock()
	for i := range ns {
		o.receipt(ns[i].Fingerprint(), ns[i].StartsAt, alert.ToldNever, time.Time{})
	}
}

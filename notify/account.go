package notify

import (
	"container/list"
	"time"

	"github.com/tocsin/tocsin/alert"
)

// lateShare is the part of the late hold within which an acknowledgement is
// prompt: 10 s of 6 min.
const lateShare = 36

// incident is one time that an alert fired; the zero value is none.
type incident struct {
	fp       alert.Fingerprint
	startsAt time.Time
	since    time.Time // the Alertmanager is to be told, by our own clock
}

func (in incident) none() bool { return in.startsAt.IsZero() }

// covers tells whether what was said of the incident that began at startsAt goes
// for this one too.
func (in incident) covers(startsAt time.Time) bool {
	return !in.none() && !startsAt.Before(in.startsAt)
}

// missed are incidents of one alert that were over before the Alertmanager could
// notify anyone of them. They are reported together.
type missed struct {
	fp             alert.Fingerprint
	count          int
	first, last    time.Time // when the first and the last of them began
	endedAt, since time.Time // when the last one ended; when the first was handed over
	knew           []string  // Alertmanagers that were told of all of them in time
	waits          bool      // until it is known whether one of those is of the same cluster
}

func (m *missed) add(fp alert.Fingerprint, first, last, endedAt, since time.Time, count int) {
	if m.count == 0 {
		m.first, m.since = first, since
	}
	m.fp, m.last, m.endedAt, m.knew = fp, last, endedAt, nil
	m.count += count
}

// told is what an Alertmanager was told not long ago. Should it restart before it
// has notified anyone, and the incident be over, nobody ever hears of it.
type told struct {
	incident
	at      time.Time // zero: to be told again
	endedAt time.Time // zero: it goes on
}

// account is what one Alertmanager was told of one alert, and what not. It is
// guarded by the mutex of its outbox.
type account struct {
	latest *message
	place  *list.Element // in line; nil if nothing is due

	// untold began, and the Alertmanager does not know. handed is when it was to
	// be told. If that took long it knows as of settles only: an end that came
	// before would keep it from notifying.
	untold  incident
	settles time.Time
	// unended is over, and the Alertmanager does not know.
	unended incident
	// missed is reported late, as firing; once it has been, it stands until then.
	missed missed
	until  time.Time
	told   told
}

// idle tells whether there is nothing to remember.
func (a *account) idle() bool {
	return a.place == nil && a.untold.none() && a.unended.none() && a.missed.count == 0 && a.told.none()
}

// late tells whether the latest state is to be sent as a late report.
func (a *account) late() bool { return a.missed.count > 0 && a.latest.note.Resolved }

// holds tells whether the end that m tells of must wait: the Alertmanager would
// drop the late report before it notifies anyone.
func (a *account) holds(m *message, now time.Time) bool {
	return m.note.Resolved && a.until.After(now) && !m.note.StartsAt.After(a.missed.last)
}

// admit takes note of what a message says of incidents.
func (o *outbox) admit(a *account, m *message, now time.Time) {
	in := incident{fp: m.fp, startsAt: m.note.StartsAt, since: now}
	if !m.note.Resolved {
		if m.note.News {
			o.begin(a, in)
		}
		return
	}
	switch {
	case !a.untold.none() && a.untold.startsAt.Equal(in.startsAt):
		o.supersede(incident{fp: a.missed.fp, startsAt: a.missed.last}, in)
		o.supersede(a.unended, in)
		a.missed.add(in.fp, in.startsAt, in.startsAt, m.endedAt(), a.untold.since, 1)
		a.untold, a.unended, a.settles, a.until = incident{}, incident{}, time.Time{}, time.Time{}
	case a.until.After(now):
		// It knows this one. Its end waits with that of the late report, as both are
		// one alert there.
		if in.startsAt.After(a.missed.last) {
			a.missed.last = in.startsAt
			o.receipt(in.fp, in.startsAt, alert.ToldLate, a.until)
		}
	default:
		if m.note.News {
			o.supersede(a.unended, in)
			a.unended = in
		}
		if a.told.covers(in.startsAt) {
			a.told.endedAt = m.endedAt()
		}
	}
}

// begin notes an incident that the Alertmanager does not know. Of two alerts that
// are equal by the external labels, and so one alert there, only one counts.
func (o *outbox) begin(a *account, in incident) {
	loser := a.untold
	if !a.untold.none() && !in.startsAt.After(a.untold.startsAt) {
		loser = in
	} else {
		a.untold, a.settles = in, time.Time{}
	}
	o.supersede(loser, a.untold)
}

// supersede gives up an incident for one of another alert of equal labels.
func (o *outbox) supersede(loser, in incident) {
	if !loser.none() && loser.fp != in.fp {
		o.receipt(loser.fp, loser.startsAt, alert.ToldNever, time.Time{})
	}
}

// acknowledge takes note that the Alertmanager took a parcel in.
func (o *outbox) acknowledge(a *account, p parcel, now time.Time) {
	startsAt := p.note.StartsAt
	o.take(p, now)
	switch {
	case p.late():
		o.reported(a, p, p.until)
		if !a.unended.none() { // its end goes with the report
			o.receipt(a.unended.fp, a.unended.startsAt, alert.ToldLate, p.until)
			o.supersede(a.unended, incident{fp: p.missed.fp})
		}
		a.unended = incident{}
	case p.note.Resolved:
		if a.unended.covers(startsAt) {
			o.receipt(a.unended.fp, startsAt, alert.ToldEnded, time.Time{})
			a.unended = incident{}
		}
		if a.untold.covers(startsAt) {
			o.receipt(a.untold.fp, a.untold.startsAt, alert.ToldNever, time.Time{})
			a.untold, a.settles = incident{}, time.Time{}
		}
	default:
		o.knows(a, startsAt, now)
		if !a.unended.none() && !a.latest.note.Resolved { // nor is it to be told any more
			o.receipt(a.unended.fp, a.unended.startsAt, alert.ToldEnded, time.Time{})
			a.unended = incident{}
		}
		if p.missed.count > 0 && a.until.IsZero() {
			o.reported(a, p, now.Add(o.hold))
		}
	}
}

// knows notes that the Alertmanager knows of a firing incident.
func (o *outbox) knows(a *account, startsAt, now time.Time) {
	switch {
	case !a.untold.covers(startsAt):
		if a.told.covers(startsAt) && a.told.at.IsZero() {
			a.told.at = now
		}
	case now.Sub(a.untold.since) <= o.hold/lateShare:
		o.receipt(a.untold.fp, a.untold.startsAt, alert.ToldFiring, time.Time{})
		a.told = told{incident: a.untold, at: now}
		a.untold, a.settles = incident{}, time.Time{}
	case a.settles.IsZero():
		a.settles = now.Add(o.hold)
	}
}

// reported notes that missed incidents were reported.
func (o *outbox) reported(a *account, p parcel, until time.Time) {
	if a.until.IsZero() {
		o.lates++
	}
	a.until = until
	o.receipt(p.missed.fp, p.missed.last, alert.ToldLate, until)
}

// expire forgets what the Alertmanager has had its time for.
func (o *outbox) expire(a *account, now time.Time) {
	if !a.settles.IsZero() && !a.settles.After(now) {
		o.receipt(a.untold.fp, a.untold.startsAt, alert.ToldFiring, time.Time{})
		a.untold, a.settles = incident{}, time.Time{}
	}
	if !a.until.IsZero() && !a.until.After(now) {
		o.receipt(a.missed.fp, a.missed.last, alert.ToldNever, time.Time{})
		a.missed, a.until = missed{}, time.Time{}
	}
}

// giveUp forgets all that is owed.
func (o *outbox) giveUp(a *account) {
	for _, in := range []incident{a.untold, a.unended, {fp: a.missed.fp, startsAt: a.missed.last}} {
		if !in.none() {
			o.receipt(in.fp, in.startsAt, alert.ToldNever, time.Time{})
		}
	}
	a.untold, a.unended, a.missed, a.told = incident{}, incident{}, missed{}, told{}
	a.settles, a.until = time.Time{}, time.Time{}
}

// owed tells how many incidents the Alertmanager has yet to be told of, and since
// when the oldest of them waits.
func (a *account) owed() (n int, since time.Time) {
	older := func(t time.Time) {
		if since.IsZero() || t.Before(since) {
			since = t
		}
	}
	if !a.untold.none() && a.settles.IsZero() {
		n++
		older(a.untold.since)
	}
	if !a.unended.none() {
		n++
		older(a.unended.since)
	}
	if a.missed.count > 0 && a.until.IsZero() {
		n += a.missed.count
		older(a.missed.since)
	}
	return n, since
}

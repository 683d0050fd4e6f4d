package notify

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

// message is the state of one alert as it was handed over. It is immutable and
// shared by the outboxes; two hand-overs of one alert are two messages, so the
// pointer tells whether the state has changed since.
type message struct {
	key uint64 // identity of the alert for the Alertmanager
	// fp and given are the identity and the labels as they were handed over.
	fp    alert.Fingerprint
	given labels.Labels
	// note has the final labels: with the external ones, without those that an
	// Alertmanager refuses.
	note   alert.Notification
	handed time.Time // to Send, by the clock of the note
	moved  bool      // the end of what goes on under other labels
}

// newMessage returns nil if the receivers of that dress are not to hear of the alert.
func newMessage(note alert.Notification, d *dress, now time.Time) *message {
	given := note.Labels
	ls, ok := d.labels(given)
	if !ok {
		return nil
	}
	note.Labels = ls
	return &message{key: ls.Hash(), fp: alert.Fingerprint(given.Hash()), given: given, note: note, handed: now}
}

// ended is the end of a firing alert, by the clock of the note.
func (m *message) ended(at time.Time) *message {
	end := *m
	end.note.Resolved, end.note.News, end.note.EndsAt, end.handed, end.moved = true, false, at, at, true
	return &end
}

// endedAt is when a resolved alert ended.
func (m *message) endedAt() time.Time {
	if m.note.EndsAt.IsZero() || m.note.EndsAt.After(m.handed) {
		return m.handed
	}
	return m.note.EndsAt
}

// wellFormed returns ls as an Alertmanager stores them. It drops labels with an
// empty value, which Alertmanager drops as well, and labels whose name it
// refuses, because one refused label refuses the alert. Bytes that are not
// UTF-8 cannot be written in JSON; they are replaced here so that the
// fingerprint is that of the delivered labels. Which UTF-8 names are allowed
// depends on the Alertmanager's version, so that is left to it.
func wellFormed(ls labels.Labels) labels.Labels {
	b := labels.NewBuilder(ls) // drops empty values
	ls.Range(func(l labels.Label) {
		switch {
		case l.Name == "" || !utf8.ValidString(l.Name):
			b.Del(l.Name)
		case !utf8.ValidString(l.Value):
			b.Set(l.Name, strings.ToValidUTF8(l.Value, string(utf8.RuneError)))
		}
	})
	return b.Labels()
}

// interval returns startsAt and endsAt for a delivery at now that may take as
// long as margin. It changes what was handed over only where an Alertmanager
// would misread or refuse it:
//
//   - A firing alert whose end has come is the last known truth about it, not
//     a resolved alert. Its end is moved as far ahead as it was at hand-over.
//     If it lay behind even then, endsAt is left out and the Alertmanager uses
//     its resolve_timeout.
//   - A resolved alert that ends in the future would be seen as firing; it
//     ends now.
//   - An alert that ends before it starts is refused: the start gives way.
func (m *message) interval(now time.Time, margin time.Duration) (startsAt, endsAt time.Time) {
	startsAt, endsAt = m.note.StartsAt, m.note.EndsAt
	switch {
	case m.note.Resolved:
		if endsAt.IsZero() || endsAt.After(now) {
			endsAt = now
		}
	case !endsAt.IsZero() && !endsAt.After(now.Add(margin)):
		if ahead := endsAt.Sub(m.handed); ahead > 0 {
			endsAt = now.Add(ahead)
		} else {
			endsAt = time.Time{}
		}
	}
	if startsAt.IsZero() {
		startsAt = m.handed
	}
	if !endsAt.IsZero() && startsAt.After(endsAt) {
		startsAt = endsAt
		if startsAt.After(now) {
			startsAt = now
		}
	}
	return startsAt, endsAt
}

// payload is the parcel as the API wants it, for a delivery at now, by the clock
// of the Alertmanager.
func (p parcel) payload(now time.Time, margin time.Duration, c correction) *models.PostableAlert {
	now = now.Add(c.ahead)
	startsAt, endsAt := p.interval(now, margin)
	if p.late() {
		startsAt, endsAt = p.missed.first, p.until.Add(c.ahead)
		if startsAt.After(now) { // by a clock that was set back since
			startsAt = now
		}
	}
	startsAt, endsAt = c.apply(startsAt, endsAt, now, p.note.Resolved && !p.late())
	a := &models.PostableAlert{
		StartsAt:    strfmt.DateTime(startsAt.UTC()),
		EndsAt:      strfmt.DateTime(endsAt.UTC()),
		Annotations: labelSet(p.annotations(c.shift)),
		Alert:       models.Alert{Labels: labelSet(p.note.Labels)},
	}
	// Alertmanager checks this field's format before it looks at any alert, and
	// refuses the whole request if it is not a URI.
	if strfmt.Default.Validates("uri", p.note.GeneratorURL) {
		a.GeneratorURL = strfmt.URI(p.note.GeneratorURL)
	}
	return a
}

// apply writes an interval by the clock of the Alertmanager. What is left zero it
// fills in itself.
func (c correction) apply(startsAt, endsAt, now time.Time, resolved bool) (time.Time, time.Time) {
	if c.blind && !resolved {
		return time.Time{}, time.Time{}
	}
	if limit := now.Add(-c.behind); resolved && endsAt.After(limit) {
		// An end in its future would be taken for a firing alert's, which never
		// makes that end come sooner.
		endsAt = limit
		if startsAt.After(endsAt) {
			startsAt = endsAt
		}
	}
	startsAt = startsAt.Add(c.shift)
	if !endsAt.IsZero() {
		endsAt = endsAt.Add(c.shift)
	}
	return startsAt, endsAt
}

func labelSet(ls labels.Labels) models.LabelSet {
	set := make(models.LabelSet, ls.Len())
	ls.Range(func(l labels.Label) {
		if l.Name != "" && utf8.ValidString(l.Name) {
			set[l.Name] = strings.ToValidUTF8(l.Value, string(utf8.RuneError))
		}
	})
	return set
}

package main

import "time"

// incident is one time that an alert fired, as an Alertmanager was told.
type incident struct {
	key      string
	startsAt int64 // in milliseconds
}

// book is what one Alertmanager was told by one host.
type book struct {
	incidents map[incident]*told
	phase     *tally // in which it was last told anything
}

// told is what it was told of one incident.
type told struct {
	late, ended bool
	// again is how often it was told that it fires after it was told of the end, but
	// for late reports: one that has restarted is told of what it forgot.
	again int
}

// enter takes note of one alert, and tells whether that is news.
func (b *book) enter(p posted, sent time.Time) (news bool) {
	in := incident{p.key(), p.StartsAt.UnixMilli()}
	firing := p.EndsAt.IsZero() || p.EndsAt.After(sent)
	t := b.incidents[in]
	if t == nil {
		t = &told{}
		b.incidents[in] = t
		news = true
	}
	_, isLate := p.Annotations[late]
	t.late = t.late || isLate
	switch {
	case !firing && !t.ended:
		t.ended, news = true, true
	case firing && t.ended && !isLate:
		t.again++
	}
	return news
}

// faults are what a fleet got wrong, over all hosts and Alertmanagers.
type faults struct {
	// lost are incidents that an Alertmanager was not told of, or not of their end;
	// doubled those that it was told of as two, or again after their end.
	lost, doubled int
	late          int // how many were reported late
}

// check compares with what has happened.
func (b *book) check(s *script) faults {
	var f faults
	seen := map[string]int{}
	for in, t := range b.incidents {
		seen[in.key]++
		f.doubled += t.again
		if t.late {
			f.late++
		}
		if brief(in.key) && !t.ended && !t.late { // a late report runs out by itself
			f.lost++
		}
	}
	for _, key := range s.alerts() {
		switch n := seen[key]; {
		case n == 0:
			f.lost++
		default:
			f.doubled += n - 1
		}
	}
	return f
}

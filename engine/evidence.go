package engine

import (
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

// evidence is what the result of an evaluation means: for what it does not return,
// and for what it does.
type evidence struct {
	// sound: the expression was evaluated, over recording rules that are sure.
	sound bool
	// lacks are what targets keep from it.
	lacks  []lack
	offset time.Duration
}

// lack is what is missing of a target.
type lack struct {
	// tells are labels that alerts about the target bear: one that bears others is about
	// another.
	tells []labels.Label
	// ends: nothing ends for it. begins: nor does anything begin to fire, and no time
	// counts.
	ends, begins bool
	// upTo: what began before does not end; zero if the window is whole.
	upTo time.Time
}

// of tells whether an alert may be about the target.
func (l *lack) of(a *alert.Alert) bool {
	for _, tell := range l.tells {
		if v := a.Labels.Get(tell.Name); v != "" && v != tell.Value {
			return false
		}
	}
	return true
}

// evidence tells what an evaluation means. Absence ends an alert if all that the
// expression goes by is fresh, and, for an alert that is older than a gap in it,
// whole. Presence needs fresh data too, as what a failed scrape does not bring may
// be what the expression gives a result for.
func (r *alertingRule) evidence(in input, evaluated bool, found int) evidence {
	if !evaluated {
		return evidence{}
	}
	for _, src := range r.origin.sources {
		if !src.sure(in) {
			return evidence{}
		}
	}
	ev := evidence{sound: true, lacks: r.lacks[:0], offset: in.ts.Sub(in.at)}
	if r.active.len()+found+len(r.waiting) > 0 { // else there is nobody to lack anything
		ev.lacks = r.lacksOfTargets(r.lackOfOwn(ev.lacks, in), in)
	}
	r.lacks = ev.lacks
	return ev
}

// lackOfOwn adds what is missing of the target of the ticks.
func (r *alertingRule) lackOfOwn(to []lack, in input) []lack {
	fresh := in.fresh && !in.coverage.missed(in.at) || r.watchesAbsence
	whole, upTo := in.coverage.complete(in.at, r.origin.window)
	if fresh && whole {
		return to
	}
	l := lack{ends: !fresh, begins: !fresh && r.needsTarget}
	if !whole {
		l.upTo = upTo
	}
	own := r.engine.own.Load()
	if own == nil {
		return append(to, l)
	}
	if whole, upTo := in.ticked.complete(in.at, r.origin.window); !whole { // which is no target's
		to = append(to, lack{upTo: upTo})
	}
	if f := own.feeds(r.origin); f.any {
		l.tells, l.ends, l.begins = f.tells, l.ends && f.data, l.begins && f.data
		to = append(to, l)
	}
	return to
}

// lacksOfTargets adds what is missing of the others.
func (r *alertingRule) lacksOfTargets(to []lack, in input) []lack {
	for _, s := range r.engine.roster.suspects() {
		f, guessed := s.feeds(r.origin)
		if !f.any {
			continue
		}
		is := s.during(in)
		l := lack{tells: f.tells, ends: is.keepsFrom(f, r.watchesAbsence)}
		l.begins = l.ends && !(guessed && is == failed) // of a target that may never have been up
		if whole, upTo := (coverage{gaps: s.gaps}).complete(in.at, f.window); !whole {
			l.upTo = upTo
		}
		if l.ends || !l.upTo.IsZero() {
			to = append(to, l)
		}
	}
	for _, src := range r.origin.sources {
		for _, s := range src.lacked() { // when it recorded what is read now
			if f, _ := s.feeds(r.origin); f.any {
				to = append(to, lack{tells: f.tells, ends: true, begins: true})
			}
		}
	}
	return to
}

// certain tells whether it means something for all alerts, but for what a window lacks.
func (ev evidence) certain() bool {
	for i := range ev.lacks {
		if ev.lacks[i].ends || ev.lacks[i].begins {
			return false
		}
	}
	return ev.sound
}

// beginning tells whether it means the begin of an alert that it returned.
func (ev evidence) beginning(a *alert.Alert) bool {
	for i := range ev.lacks {
		if l := &ev.lacks[i]; l.begins && l.of(a) {
			return false
		}
	}
	return ev.sound
}

// ending tells whether it means the end of an alert that it is not returned.
func (ev evidence) ending(a *alert.Alert) bool {
	for i := range ev.lacks {
		if l := &ev.lacks[i]; (l.ends || a.ActiveAt.Add(-ev.offset).Before(l.upTo)) && l.of(a) {
			return false
		}
	}
	return ev.sound
}

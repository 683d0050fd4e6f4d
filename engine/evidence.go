package engine

import (
	"slices"
	"time"

	"github.com/tocsin/tocsin/alert"
)

// evidence is what the result of an evaluation means: for what it does not return,
// and for what it does.
type evidence struct {
	// ends: an alert that is not returned may end, if it began after upTo in the
	// time of the data, or the window is whole.
	ends, whole bool
	upTo        time.Time
	offset      time.Duration
	// begins: an alert that is returned may begin to fire, and time counts for it.
	begins bool
}

// evidence tells what an evaluation means. Absence ends an alert if all that the
// expression goes by is fresh, and, for an alert that is older than a gap in it,
// whole. Presence needs fresh data too, as what a failed scrape does not bring may
// be what the expression gives a result for.
func (r *alertingRule) evidence(in input, evaluated bool) evidence {
	if !evaluated || slices.ContainsFunc(r.origin.sources, func(src *recordingRule) bool { return !src.sure(in) }) {
		return evidence{}
	}
	fresh := in.fresh && !in.coverage.missed(in.at) || r.watchesAbsence
	ev := evidence{ends: fresh, begins: fresh || !r.needsTarget, offset: in.ts.Sub(in.at)}
	ev.whole, ev.upTo = in.coverage.complete(in.at, r.origin.window)
	return ev
}

// ending tells whether it means the end of an alert that it is not returned.
func (ev evidence) ending(a *alert.Alert) bool {
	return ev.ends && (ev.whole || !a.ActiveAt.Add(-ev.offset).Before(ev.upTo))
}

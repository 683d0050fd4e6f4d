package plan

import "github.com/prometheus/prometheus/promql"

// atOnce is how many series are looked at together. What they have stands in many
// places of memory: so the processor fetches it from all of them at the same time.
const atOnce = 16

// view is what a window over a series begins and ends with.
type view struct {
	points        []promql.FPoint
	guess         int // where the window begins, if it has as many samples as others
	first, before promql.FPoint
	last          promql.FPoint // of all
	since         int64
}

// glance fills in the views of series. longest is how many samples the window of any
// series before had.
func glance(at []*series, longest int, views *[atOnce]view) {
	for k, s := range at {
		v := &views[k]
		v.points, v.last, v.since = s.points, s.last, s.since
		v.guess = len(s.points) - longest
	}
	for k := range at {
		if v := &views[k]; v.guess > 0 && v.guess < len(v.points) {
			v.before, v.first = v.points[v.guess-1], v.points[v.guess]
		} else {
			v.guess = 0
		}
	}
}

// between gives the floats in (from, to] if they are where they were guessed.
func (v *view) between(from, to int64) (points []promql.FPoint, ok bool) {
	if v.guess == 0 || v.since > from || v.last.T > to || v.before.T > from || v.first.T <= from {
		return nil, false
	}
	return v.points[v.guess:], true
}

package engine

import (
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// bygone is when targets were seen by the processes before, by what storage has of up.
type bygone struct {
	asOf time.Time // zero where there was no process before
	// seen are the series of up, by job and instance.
	seen map[[2]string][]bygoneSeries
}

type bygoneSeries struct {
	labels   labels.Labels
	coverage coverage
}

// newBygone reads it out of the samples of up until asOf; interval is what is expected
// of targets that were scraped but once.
func newBygone(series promql.Matrix, asOf time.Time, interval time.Duration) bygone {
	p := bygone{asOf: asOf, seen: map[[2]string][]bygoneSeries{}}
	for _, s := range series {
		key := placeOf(s.Metric)
		p.seen[key] = append(p.seen[key], bygoneSeries{s.Metric.DropMetricName(), coverageOf(s.Floats, asOf, interval)})
	}
	return p
}

func placeOf(ls labels.Labels) [2]string { return [2]string{ls.Get("job"), ls.Get("instance")} }

// coverageOf is when a target answered, by its series of up.
func coverageOf(points []promql.FPoint, asOf time.Time, interval time.Duration) coverage {
	if n := len(points); n > 1 {
		apart := make([]int64, n-1)
		for i := range apart {
			apart[i] = points[i+1].T - points[i].T
		}
		slices.Sort(apart)
		interval = time.Duration(apart[len(apart)/2]) * time.Millisecond
	}
	var c coverage
	for _, p := range points {
		if p.F == 1 {
			c = c.seen(time.UnixMilli(p.T), interval).within(targetGaps)
		}
	}
	if c.last.IsZero() && len(points) > 0 { // it never answered
		c.last = time.UnixMilli(points[0].T).Add(-interval)
	}
	c.first = time.Time{}
	return c
}

// take gives the coverage of a target that bears labels: the gaps of all that may be
// the same. awaited: it may have been there before, whatever is known of it.
func (p *bygone) take(ls labels.Labels, awaited bool) (c coverage) {
	if p.asOf.IsZero() {
		return c
	}
	for _, s := range p.alike(ls) {
		c.gaps = append(c.gaps, s.coverage.gaps...)
		if c.last.IsZero() || s.coverage.last.Before(c.last) {
			c.last = s.coverage.last
		}
	}
	if c.last.IsZero() && awaited {
		c.last = p.asOf
	}
	slices.SortFunc(c.gaps, func(a, b gap) int { return a.from.Compare(b.from) })
	return c.within(targetGaps)
}

// alike are the series whose labels have all of a target's.
func (p *bygone) alike(ls labels.Labels) (out []bygoneSeries) {
	add := func(all []bygoneSeries) {
		for _, s := range all {
			if ls.Len() <= s.labels.Len() && bears(s.labels, ls) {
				out = append(out, s)
			}
		}
	}
	if place := placeOf(ls); place[0] != "" && place[1] != "" {
		add(p.seen[place])
		return out
	}
	for _, all := range p.seen {
		add(all)
	}
	return out
}

// bears tells whether labels have all of others.
func bears(many, few labels.Labels) bool {
	ok := true
	few.Range(func(l labels.Label) { ok = ok && many.Get(l.Name) == l.Value })
	return ok
}

// remember gives the roster what was before it. Those that are awaited already did not
// know of it.
func (r *roster) remember(p bygone) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.past = p
	for _, t := range r.targets {
		if t.coverage.last.IsZero() {
			t.coverage = p.take(t.Labels, t.trouble == unseen)
			r.changed(t)
		}
	}
}

package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// What grows along a curve: the series with a number of rules that stays, the
// rules with a number of series that stays, or the series with a tenth as many
// rules.
const bySeries, byRules, byBoth = "series", "rules", "both"

// axes are all curves, in the order of the report.
var axes = []string{bySeries, byRules, byBoth}

// point is what a contestant costs at a size.
type point struct {
	size   int
	cost   cost
	missed float64       // part of the evaluations that were due
	took   time.Duration // the longest of the last evaluations
	slow   bool          // it took longer than its interval, or some were missed: the cost is not the whole
}

// curves measures CPU and memory over the number of series and of rules.
func (b *bench) curves(ctx context.Context, _ int, all []contestant) error {
	f := b.form
	known := map[workload]map[string]point{} // a size may be on more than one axis
	for _, g := range []struct {
		x     string
		sizes []int
		load  func(n int) workload
	}{
		{bySeries, f.curveSeries, func(n int) workload { return workload{series: n, rules: f.rules} }},
		{byRules, f.curveRules, func(n int) workload { return workload{series: f.curveRulesSeries, rules: n} }},
		{byBoth, f.curveBoth, func(n int) workload { return workload{series: n, rules: n / 10} }},
	} {
		on := slices.Clone(all)
		for _, n := range g.sizes {
			w := b.pointLoad(g.load(n))
			if known[w] == nil {
				known[w] = b.pointsOf(ctx, on, w)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			on = slices.DeleteFunc(on, func(c contestant) bool {
				p, ok := known[w][c.name]
				if ok {
					p.size = n
					b.results.point(g.x, c.name, p)
				}
				return !ok || p.slow
			})
		}
	}
	return nil
}

// What is more than the machine can do for all contestants at once.
const (
	manyRules = 10_000        // at a short interval
	allWork   = 100_000 * 1e4 // series times rules, at any: only Tocsin is measured then
)

// pointLoad is a workload at the interval at which it is measured.
func (b *bench) pointLoad(w workload) workload {
	w.seed, w.interval, w.past = b.form.seed, b.form.curveInterval, usualWindow
	if w.rules >= manyRules {
		w.interval = max(w.interval, realInterval)
	}
	return w
}

// pointsOf measures contestants at one size, as far as they come up in time.
func (b *bench) pointsOf(ctx context.Context, all []contestant, w workload) map[string]point {
	batches := [][]contestant{all}
	largest := w.series*w.rules >= allWork
	if largest { // no peer would come up in time, and variants would tell nothing new
		batches = nil
		for _, c := range all {
			if c.whole() {
				batches = append(batches, []contestant{c})
			}
		}
	}
	out := map[string]point{}
	for _, batch := range batches {
		points, err := b.points(ctx, batch, w)
		if err != nil {
			b.log.Warn("no point", "contestants", names(batch), "series", w.series, "rules", w.rules, "err", err)
			b.results.note("%s did not come up in time with %d series and %d rules.", strings.Join(names(batch), ", "), w.series, w.rules)
			continue
		}
		for i, p := range points {
			c := batch[i].name
			b.log.Info("point", "contestant", c, "series", w.series, "rules", w.rules, "cpu", duration(p.cost.cpu), "rss", size(p.cost.rss), "missed", percent(p.missed), "took", p.took)
			out[c] = p
			if largest {
				b.results.set(measureCore, c, 0, p.cost.cpu/seconds(w.interval))
				b.results.set(measureMissed, c, 0, p.missed)
			}
		}
	}
	return out
}

// points measures contestants with one workload, at once.
func (b *bench) points(ctx context.Context, all []contestant, w workload) (points []point, err error) {
	lanes, err := b.lanes(all, w)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, removeAll(lanes)) }()
	if err := up(ctx, lanes); err != nil {
		return nil, err
	}
	if err := pause(ctx, w.interval); err != nil {
		return nil, err
	}
	before := make([]iterations, len(lanes))
	for i, l := range lanes {
		if before[i], err = l.iterations(); err != nil {
			return nil, err
		}
	}
	costs, err := watch(ctx, lanes, max(b.form.curveWindow, 2*w.interval))
	if err != nil {
		return nil, err
	}
	for i, l := range lanes {
		p, err := l.point(costs[i], before[i], w.interval)
		if err != nil {
			return nil, err
		}
		points = append(points, p)
	}
	return points, nil
}

func (l *lane) point(c cost, before iterations, interval time.Duration) (point, error) {
	after, err := l.iterations()
	if err != nil {
		return point{}, err
	}
	ev, err := l.evaluated()
	if err != nil {
		return point{}, err
	}
	missed := after.since(before)
	return point{cost: c, missed: missed, took: ev.longest, slow: missed > 0 || ev.longest > interval}, nil
}

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

// What is more than the machine can do for all contestants at a short interval.
const (
	manyRules  = 10_000
	manySeries = 100_000
)

// pointLoad is a workload at the interval at which it is measured.
func (b *bench) pointLoad(w workload) workload {
	w.seed, w.interval, w.past = b.form.seed, b.form.curveInterval, usualWindow
	if w.rules >= manyRules || w.series >= manySeries {
		w.interval = max(w.interval, realInterval)
	}
	return w
}

// pointsOf measures contestants at one size, as far as they come up in time.
func (b *bench) pointsOf(ctx context.Context, all []contestant, w workload) map[string]point {
	out := map[string]point{}
	noPoint := func(of []contestant, err error) {
		b.log.Warn("no point", "contestants", names(of), "series", w.series, "rules", w.rules, "err", err)
		b.results.note("%s did not come up in time with %d series and %d rules.", strings.Join(names(of), ", "), w.series, w.rules)
	}
	put := func(c contestant, p point) {
		b.log.Info("point", "contestant", c.name, "series", w.series, "rules", w.rules, "cpu", duration(p.cost.cpu), "rss", size(p.cost.rss), "missed", percent(p.missed), "took", p.took)
		out[c.name] = p
	}
	if w.series*w.rules < allWork {
		points, err := b.points(ctx, all, w)
		if err != nil {
			noPoint(all, err)
			return out
		}
		for i, p := range points {
			put(all[i], p)
		}
		return out
	}
	for _, c := range all {
		if !c.whole() {
			continue
		}
		p, err := b.core(ctx, c, w)
		if err != nil {
			noPoint([]contestant{c}, err)
			continue
		}
		put(c, p)
	}
	return out
}

// points measures contestants with one workload, at once.
func (b *bench) points(ctx context.Context, all []contestant, w workload) ([]point, error) {
	lanes, err := b.lanes(all, w)
	if err != nil {
		return nil, err
	}
	return b.measure(ctx, lanes, w.interval, max(b.form.curveWindow, 2*w.interval))
}

// measure starts lanes, lets them settle for some time, watches them for a window, and
// removes them.
func (b *bench) measure(ctx context.Context, lanes []*lane, settle, window time.Duration) (points []point, err error) {
	defer func() { err = errors.Join(err, removeAll(lanes)) }()
	if err := up(ctx, lanes); err != nil {
		return nil, err
	}
	if err := pause(ctx, settle); err != nil {
		return nil, err
	}
	before := make([]iterations, len(lanes))
	for i, l := range lanes {
		if before[i], err = l.iterations(); err != nil {
			return nil, err
		}
	}
	costs, err := watch(ctx, lanes, window)
	if err != nil {
		return nil, err
	}
	for i, l := range lanes {
		p, err := l.point(costs[i], before[i])
		if err != nil {
			return nil, err
		}
		points = append(points, p)
	}
	return points, nil
}

func (l *lane) point(c cost, before iterations) (point, error) {
	after, err := l.iterations()
	if err != nil {
		return point{}, err
	}
	ev, err := l.evaluated()
	if err != nil {
		return point{}, err
	}
	missed := after.since(before)
	return point{cost: c, missed: missed, took: ev.longest, slow: missed > 0 || ev.longest > l.setup.interval}, nil
}

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
const bySeries, byRules, byBoth = "series", "rules", "series, rules a tenth"

// axes are all curves, in the order of the report.
var axes = []string{bySeries, byRules, byBoth}

// point is what a contestant costs at a size.
type point struct {
	size   int
	cost   cost
	missed float64 // part of the evaluations that were due
	slow   bool    // an evaluation takes longer than its interval: the cost is not the whole
}

// curves measures CPU and memory over the number of series and of rules.
func (b *bench) curves(ctx context.Context, _ int, all []contestant) error {
	f := b.form
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
			on = b.addPoints(ctx, on, g.x, n, b.pointLoad(g.load(n)))
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// What is more than the machine can do for all contestants at once: products of
// series and rules, about as the cost of most contestants grows.
const (
	muchWork = 1e7 // at a short interval
	allWork  = 1e9 // at any
)

// pointLoad is a workload at the interval at which it is measured.
func (b *bench) pointLoad(w workload) workload {
	w.seed, w.interval, w.past = b.form.seed, b.form.curveInterval, usualWindow
	if w.series*w.rules >= muchWork {
		w.interval = max(w.interval, realInterval)
	}
	return w
}

// addPoints measures contestants at one size, and returns those that go on to a
// larger one.
func (b *bench) addPoints(ctx context.Context, all []contestant, x string, n int, w workload) (on []contestant) {
	batches := [][]contestant{all}
	if w.series*w.rules >= allWork {
		// The variants tell nothing here that the others do not.
		all = slices.DeleteFunc(slices.Clone(all), func(c contestant) bool { return len(c.parts) > 0 })
		batches = slices.Collect(slices.Chunk(all, 1))
	}
	for _, batch := range batches {
		points, err := b.points(ctx, batch, w)
		if err != nil {
			b.log.Warn("curve ends", "contestants", names(batch), x, n, "err", err)
			b.results.note("The curve over %s of %s ends before %d: it did not come up in time.", x, strings.Join(names(batch), ", "), n)
			continue
		}
		for i, p := range points {
			p.size = n
			b.log.Info("point", "contestant", batch[i].name, x, n, "cpu", duration(p.cost.cpu), "rss", size(p.cost.rss), "missed", p.missed)
			b.results.point(x, batch[i].name, p)
			if w.series*w.rules >= allWork {
				b.results.set(measureCore, batch[i].name, 0, p.cost.cpu/seconds(w.interval))
				b.results.set(measureMissed, batch[i].name, 0, p.missed)
			}
			if !p.slow {
				on = append(on, batch[i])
			}
		}
	}
	return on
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
	costs, err := watch(ctx, lanes, max(b.form.curveWindow, 3*w.interval))
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
	return point{cost: c, missed: missed, slow: missed > 0 || ev.longest > interval}, nil
}

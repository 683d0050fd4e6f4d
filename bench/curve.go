package main

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// What grows along a curve.
const bySeries, byRules = "series", "rules"

// point is what a contestant costs at a size.
type point struct {
	size int
	cost cost
}

// curves measures CPU and memory over the number of series and of rules.
func (b *bench) curves(ctx context.Context, all []contestant) error {
	grow := []struct {
		x     string
		sizes []int
		load  func(n int) workload
	}{
		{bySeries, b.form.curveSeries, func(n int) workload { return workload{series: n, rules: b.form.rules} }},
		{byRules, b.form.curveRules, func(n int) workload { return workload{series: b.form.curveRulesSeries, rules: n} }},
	}
	for _, g := range grow {
		left := slices.Clone(all)
		for _, n := range g.sizes {
			w := g.load(n)
			w.seed, w.interval = b.form.seed, b.form.curveInterval
			batches := [][]contestant{left}
			if !b.form.curveTogether {
				batches = slices.Collect(slices.Chunk(left, 1))
			}
			var on []contestant
			for _, batch := range batches {
				on = append(on, b.addPoints(ctx, batch, g.x, n, w)...)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			left = on
		}
	}
	return nil
}

// addPoints measures contestants at one size, and returns those that go on to a
// larger one.
func (b *bench) addPoints(ctx context.Context, all []contestant, x string, n int, w workload) (on []contestant) {
	if len(all) == 0 {
		return nil
	}
	costs, slow, err := b.point(ctx, all, w)
	if err != nil {
		b.log.Warn("curve ends", "contestants", names(all), x, n, "err", err)
		b.results.note("The curve over %s of %s ends before %d: it did not come up in time.", x, strings.Join(names(all), ", "), n)
		return nil
	}
	curve := b.results.curves[x]
	if curve == nil {
		curve = map[string][]point{}
		b.results.curves[x] = curve
	}
	for i, c := range all {
		if slow[i] {
			b.results.note("The curve over %s of %s ends before %d: there an evaluation takes longer than its interval.", x, c.name, n)
			continue
		}
		b.log.Info("point", "contestant", c.name, x, n, "cpu", duration(costs[i].cpu), "rss", size(costs[i].rss))
		curve[c.name] = append(curve[c.name], point{n, costs[i]})
		on = append(on, c)
	}
	return on
}

// point measures contestants with one workload, and tells whose evaluation takes
// longer than the interval: what it costs a scrape is then no longer the whole.
func (b *bench) point(ctx context.Context, all []contestant, w workload) (costs []cost, slow []bool, err error) {
	lanes, err := b.lanes(all, w)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, removeAll(lanes)) }()
	if err := up(ctx, lanes); err != nil {
		return nil, nil, err
	}
	if err := pause(ctx, w.interval); err != nil {
		return nil, nil, err
	}
	if costs, err = watch(ctx, lanes, b.form.curveWindow); err != nil {
		return nil, nil, err
	}
	for _, l := range lanes {
		ev, err := l.evaluated()
		if err != nil {
			return nil, nil, err
		}
		slow = append(slow, ev.longest > w.interval)
	}
	return costs, slow, nil
}

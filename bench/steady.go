package main

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"
)

// cyclesPerHour is how many scrapes an hour has at the default interval.
const cyclesPerHour = int(time.Hour / realInterval)

// steadyPast is nearly an hour of scrapes: the windows of most rules are full.
const steadyPast = int(headSpan / realInterval)

// steady measures what an ordinary load costs: memory, CPU, bytes written.
func (b *bench) steady(ctx context.Context, round int, all []contestant) (err error) {
	w := workload{seed: b.form.seed, series: b.form.series, rules: b.form.rules, interval: b.form.interval, past: steadyPast}
	lanes, err := b.lanes(all, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(lanes)) }()
	if err := up(ctx, lanes); err != nil {
		return err
	}
	if err := pause(ctx, b.form.warmUp); err != nil {
		return err
	}
	for n := range b.form.windows {
		costs, err := watch(ctx, lanes, b.form.window)
		if err != nil {
			return err
		}
		for i, l := range lanes {
			c, at := costs[i], round*b.form.windows+n
			b.results.set(measureRSS, l.name, at, c.rss)
			b.results.set(measureAnon, l.name, at, c.anon)
			b.results.set(measureTmpfs, l.name, at, c.tmpfs)
			b.results.set(measureCPU, l.name, at, c.cpu)
			b.results.set(measureWritten, l.name, at, c.written*float64(cyclesPerHour))
		}
	}
	return each(lanes, func(l *lane) error {
		all, err := l.counters()
		if err != nil {
			return err
		}
		if n := all["tocsin_plan_mismatches_total"]; n > 0 {
			b.results.note("%s found %.0f evaluations of its plan that differ from promql.Engine's.", l.name, n)
		}
		return l.stop()
	})
}

// cost is what a contestant uses: bytes that it holds (the median of the samples),
// and seconds of CPU and bytes written for each scrape.
type cost struct{ rss, anon, tmpfs, cpu, written float64 }

// watch measures all lanes over the same time.
func watch(ctx context.Context, lanes []*lane, window time.Duration) ([]cost, error) {
	const samples = 20
	type series struct{ rss, anon, tmpfs []float64 }
	seen := make([]series, len(lanes))
	before, after, scrapes := make([]usage, len(lanes)), make([]usage, len(lanes)), make([]int, len(lanes))
	for n := range samples + 1 {
		for i, l := range lanes {
			u, err := l.usage()
			if err != nil {
				return nil, err
			}
			if n == 0 {
				before[i], scrapes[i] = u, l.target.count()
			}
			after[i] = u
			s := &seen[i]
			s.rss, s.anon, s.tmpfs = append(s.rss, float64(u.rss)), append(s.anon, float64(u.anon)), append(s.tmpfs, float64(u.tmpfs))
		}
		if n < samples {
			if err := pause(ctx, window/samples); err != nil {
				return nil, err
			}
		}
	}
	out := make([]cost, len(lanes))
	for i, l := range lanes {
		cycles := float64(l.target.count() - scrapes[i])
		out[i] = cost{
			rss: middle(seen[i].rss), anon: middle(seen[i].anon), tmpfs: middle(seen[i].tmpfs),
			cpu: (after[i].cpu - before[i].cpu).Seconds() / cycles, written: float64(after[i].written-before[i].written) / cycles,
		}
		if cycles == 0 {
			out[i].cpu, out[i].written = math.NaN(), math.NaN()
		}
	}
	return out, nil
}

// middle is the median of values in any order.
func middle(vs []float64) float64 {
	vs = slices.Clone(vs)
	slices.Sort(vs)
	return median(vs)
}

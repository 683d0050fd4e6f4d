package main

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"
)

// cyclesPerHour is how many scrapes an hour has at the default interval.
const cyclesPerHour = int(time.Hour / (15 * time.Second))

// steady measures what an ordinary load costs: memory, CPU, bytes written.
func (b *bench) steady(ctx context.Context, all []contestant) (err error) {
	w := workload{seed: b.form.seed, series: b.form.series, rules: b.form.rules, interval: b.form.interval}
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
	for range b.form.windows {
		costs, err := watch(ctx, lanes, b.form.window)
		if err != nil {
			return err
		}
		for i, l := range lanes {
			c := costs[i]
			b.results.add(measureRSS, l.name, c.rss)
			b.results.add(measureAnon, l.name, c.anon)
			b.results.add(measureTmpfs, l.name, c.tmpfs)
			b.results.add(measureCPU, l.name, c.cpu)
			b.results.add(measureWritten, l.name, c.written*float64(cyclesPerHour))
		}
	}
	return each(lanes, (*lane).stop)
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

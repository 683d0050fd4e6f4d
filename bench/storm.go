package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// stormLimit is for the delivery of all alerts of a storm.
const stormLimit = 2 * time.Minute

// storm lets many alerts fire at once, and waits for the last one's delivery.
func (b *bench) storm(ctx context.Context, all []contestant) (err error) {
	w := workload{seed: b.form.seed, series: b.form.series, rules: b.form.rules, interval: b.form.stormInterval, storm: b.form.storm}
	lanes, err := b.lanes(all, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(lanes)) }()
	for _, l := range lanes {
		l.setup.alertLimit = 2 * w.storm
	}
	if err := up(ctx, lanes); err != nil {
		return err
	}
	return each(lanes, func(l *lane) error {
		before, err := l.usage()
		if err != nil {
			return err
		}
		l.target.startStorm()
		if err := l.stormDelivered(ctx, w.storm); err != nil {
			b.results.note("%s delivered %d of %d alerts of the storm within %s.", l.name, l.receiver.count(stormAlert), w.storm, stormLimit)
			b.addStorm(l, before, usage{}, evaluation{}, false)
			return err
		}
		after, err := l.usage()
		if err != nil {
			return err
		}
		ev, err := l.evaluated()
		if err != nil {
			return err
		}
		b.addStorm(l, before, after, ev, true)
		return nil
	})
}

func (l *lane) stormDelivered(ctx context.Context, want int) error {
	return l.poll(ctx, often, stormLimit, func() error {
		if n := l.receiver.count(stormAlert); n < want {
			return fmt.Errorf("%d of %d alerts have come", n, want)
		}
		return nil
	})
}

// addStorm adds what a storm took from the scrape that brought it.
func (b *bench) addStorm(l *lane, before, after usage, ev evaluation, ok bool) {
	for id, v := range map[string]float64{
		measureStorm:     seconds(l.receiver.last(stormAlert).Sub(l.target.storm().scraped)),
		measureStormCPU:  seconds(after.cpu - before.cpu),
		measureStormEval: seconds(ev.longest),
		measureStormPeak: float64(after.peak),
	} {
		if !ok {
			v = math.NaN()
		}
		b.results.add(id, l.name, v)
	}
}

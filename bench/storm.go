package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stormLimit is for the delivery of all alerts of a storm.
const stormLimit = 2 * time.Minute

// storm lets many alerts fire at once, and waits for the last one's delivery.
func (b *bench) storm(ctx context.Context, round int, all []contestant) (err error) {
	w := workload{seed: b.form.seed, series: b.form.series, rules: b.form.rules, interval: b.form.stormInterval, storm: b.form.storm}
	lanes, err := b.lanes(all, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(lanes)) }()
	for _, l := range lanes {
		l.setup.alertLimit = 2 * w.storm
		am, err := startAlertmanager(ctx, l.setup.dir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, am.process.kill()) }()
		l.receiver.behind = am
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
		delivered := l.stormDelivered(ctx, w.storm)
		after, err := l.usage()
		if err != nil {
			return err
		}
		known, err := l.stormKnown(ctx, w.storm)
		if err != nil {
			return err
		}
		b.results.set(measureStormLost, l.name, round, 1-float64(known)/float64(w.storm))
		if delivered != nil {
			return delivered
		}
		ev, err := l.evaluated()
		if err != nil {
			return err
		}
		b.addStorm(l, round, before, after, ev)
		return nil
	})
}

// stormKnown is how many alerts of the storm Alertmanager has in the end: what is
// on its way gets some seconds.
func (l *lane) stormKnown(ctx context.Context, want int) (known int, err error) {
	_ = l.poll(ctx, seldom, 10*time.Second, func() error {
		if known, err = l.receiver.behind.count(stormAlert); err != nil || known >= want {
			return nil
		}
		return fmt.Errorf("Alertmanager knows %d of %d alerts", known, want)
	})
	return known, err // who knows less in the end is told by the number
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
func (b *bench) addStorm(l *lane, round int, before, after usage, ev evaluation) {
	for id, v := range map[string]float64{
		measureStorm:     seconds(l.receiver.last(stormAlert).Sub(l.target.storm().scraped)),
		measureStormCPU:  seconds(after.cpu - before.cpu),
		measureStormEval: seconds(ev.longest),
		measureStormPeak: float64(after.peak),
	} {
		b.results.set(id, l.name, round, v)
	}
}

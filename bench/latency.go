package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// latencyLimit is how long an alert may take: some contestants look at what is
// half a minute old.
const latencyLimit = time.Minute

// latency measures the time from a change in a metric to the POST of its alert.
// The changes come at random moments, each with its rule in another group.
func (b *bench) latency(ctx context.Context, all []contestant) (err error) {
	w := workload{
		seed: b.form.seed, series: b.form.series, rules: b.form.latencyRules, interval: b.form.latencyInterval, flips: b.form.flips,
	}
	lanes, err := b.lanes(all, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(lanes)) }()
	if err := up(ctx, lanes); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(b.form.seed, 3))
	at := make([]time.Duration, w.flips)
	for i := range at {
		at[i] = time.Duration(r.Int64N(int64(b.form.latencySpan)))
	}
	slices.Sort(at)
	begun := time.Now()
	for i, d := range at {
		if err := pause(ctx, time.Until(begun.Add(d))); err != nil {
			return err
		}
		for _, l := range lanes {
			l.target.flip(i)
		}
	}
	return each(lanes, func(l *lane) error {
		if err := l.allFlipsReceived(ctx, w.flips); err != nil {
			return err
		}
		b.addLatency(l, w.flips)
		return nil
	})
}

// allFlipsReceived waits for the alerts of all flips.
func (l *lane) allFlipsReceived(ctx context.Context, flips int) error {
	return l.poll(ctx, often, latencyLimit+l.setup.interval, func() error {
		for i := range flips {
			if _, ok := l.receiver.received(alertKey(flipAlert, fmt.Sprint(i))); !ok {
				return fmt.Errorf("alert %d of %d has not come", i, flips)
			}
		}
		return nil
	})
}

// addLatency adds the mean over all flips, and the longest from the scrape.
func (b *bench) addLatency(l *lane, flips int) {
	var fromScrape, whole []float64
	for i := range flips {
		posted, _ := l.receiver.received(alertKey(flipAlert, fmt.Sprint(i)))
		c := l.target.changed(i)
		fromScrape = append(fromScrape, seconds(posted.Sub(c.scraped)))
		whole = append(whole, seconds(posted.Sub(c.at)))
	}
	b.results.add(measureDelay, l.name, mean(fromScrape))
	b.results.add(measureDelayMax, l.name, slices.MaxFunc(fromScrape, cmp.Compare))
	b.results.add(measureWhole, l.name, mean(whole))
}

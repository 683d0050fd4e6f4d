package main

import (
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

// latency measures the time from a change in a metric to the POST of its alert,
// each with its rule in another group.
func (b *bench) latency(ctx context.Context, _ int, all []contestant) (err error) {
	w := workload{
		seed: b.form.seed, series: b.form.series, rules: b.form.latencyRules, interval: b.form.latencyInterval, flips: b.form.flips, past: usualWindow,
	}
	lanes, err := b.lanes(all, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(lanes)) }()
	if err := upApart(ctx, lanes); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(b.form.seed, 3))
	var rounds [][]int
	for flips := range slices.Chunk(upTo(w.flips), w.flips/b.form.latencyRounds) {
		rounds = append(rounds, flips)
		if err := b.change(ctx, r, lanes, flips); err != nil {
			return err
		}
	}
	return each(lanes, func(l *lane) error {
		if err := l.received(ctx, w.flips); err != nil {
			return err
		}
		for round, flips := range rounds {
			b.addLatency(l, round, flips)
		}
		return nil
	})
}

// upApart starts the lanes spread over an interval. Some scrape when they start, and
// then in that rhythm: started together, each would be measured while the others
// evaluate, which no host has to bear that runs one of them.
func upApart(ctx context.Context, lanes []*lane) error {
	return each(lanes, func(l *lane) error {
		nth := time.Duration(slices.Index(lanes, l))
		if err := pause(ctx, nth*l.setup.interval/time.Duration(len(lanes))); err != nil {
			return err
		}
		return l.up(ctx)
	})
}

// upTo are the numbers below n.
func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// change makes changes at random moments, one in each equal part of the time: it
// is a whole number of intervals, so that no part of an interval has more of them.
func (b *bench) change(ctx context.Context, r *rand.Rand, lanes []*lane, flips []int) error {
	begun := time.Now()
	step := b.form.latencySpan / time.Duration(len(flips))
	for i, flip := range flips {
		at := begun.Add(time.Duration(i)*step + time.Duration(r.Int64N(int64(step))))
		if err := pause(ctx, time.Until(at)); err != nil {
			return err
		}
		for _, l := range lanes {
			l.target.flip(flip)
		}
	}
	return nil
}

// received waits for the alerts of all flips.
func (l *lane) received(ctx context.Context, flips int) error {
	return l.poll(ctx, often, latencyLimit+l.setup.interval, func() error {
		for i := range flips {
			if _, ok := l.receiver.received(alertKey(flipAlert, fmt.Sprint(i))); !ok {
				return fmt.Errorf("alert %d has not come", i)
			}
		}
		return nil
	})
}

// addLatency adds the mean over some flips, and the longest from the scrape.
func (b *bench) addLatency(l *lane, round int, flips []int) {
	var fromScrape, whole []float64
	for _, i := range flips {
		posted, _ := l.receiver.received(alertKey(flipAlert, fmt.Sprint(i)))
		c := l.target.changed(i)
		fromScrape = append(fromScrape, seconds(posted.Sub(c.scraped)))
		whole = append(whole, seconds(posted.Sub(c.at)))
	}
	b.results.set(measureDelay, l.name, round, mean(fromScrape))
	b.results.set(measureDelayMax, l.name, round, slices.Max(fromScrape))
	b.results.set(measureWhole, l.name, round, mean(whole))
	b.results.set(measureWholeShare, l.name, round, mean(whole)/seconds(l.setup.interval))
}

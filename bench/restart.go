package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// restart measures from the start of the process to its first evaluation and to
// its first alert: after SIGKILL with some hours of samples that are in no block
// yet, and after a clean stop.
func (b *bench) restart(ctx context.Context, all []contestant) (err error) {
	w := workload{seed: b.form.seed, series: b.form.series, rules: b.form.rules, interval: b.form.restartInterval}
	lanes, err := b.lanes(all, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(lanes)) }()
	for _, l := range lanes {
		l.setup.remoteWrite, l.setup.resendDelay = true, time.Second
	}
	if err := up(ctx, lanes); err != nil {
		return err
	}
	for _, l := range lanes {
		if err := fill(ctx, l, b.form.restartSeries, b.form.restartHistory); err != nil {
			return err
		}
		if err := l.ready(ctx); err != nil {
			return err
		}
		if err := l.kill(); err != nil {
			return fmt.Errorf("kill %s: %w", l.name, err)
		}
		if err := b.firstSigns(ctx, l, measureKilled, measureKilledAlert); err != nil {
			return err
		}
		begun := time.Now()
		if err := l.stop(); err != nil {
			return fmt.Errorf("stop %s: %w", l.name, err)
		}
		b.results.add(measureStop, l.name, seconds(time.Since(begun)))
		if err := b.firstSigns(ctx, l, measureStopped, measureStoppedAlert); err != nil {
			return err
		}
	}
	return nil
}

// firstSigns starts a lane again and times its first evaluation and alert.
func (b *bench) firstSigns(ctx context.Context, l *lane, evaluation, alert string) error {
	l.receiver.forget()
	if err := l.start(ctx); err != nil {
		return err
	}
	err := l.poll(ctx, often, startLimit, func() error {
		st, err := l.evaluated()
		if err == nil && st.evaluated == 0 {
			err = errors.New("no rule evaluated yet")
		}
		return err
	})
	if err != nil {
		return err
	}
	b.results.add(evaluation, l.name, seconds(time.Since(l.started)))
	key := alertKey(alwaysAlert, "")
	err = l.poll(ctx, often, startLimit, func() error {
		if _, ok := l.receiver.received(key); !ok {
			return errors.New("no alert delivered yet")
		}
		return nil
	})
	if err != nil {
		return err
	}
	at, _ := l.receiver.received(key)
	b.results.add(alert, l.name, seconds(at.Sub(l.started)))
	return l.ready(ctx)
}

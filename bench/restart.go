package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// restart measures from the start of the process to its first evaluation and to
// its first alert: after SIGKILL with some hours of samples that are in no block
// yet, and after a clean stop. Each round begins with the files as the SIGKILL
// left them.
func (b *bench) restart(ctx context.Context, _ int, all []contestant) (err error) {
	w := workload{seed: b.form.seed, series: b.form.series, rules: b.form.rules, interval: b.form.restartInterval}
	lanes, err := b.lanes(all, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(lanes)) }()
	for _, l := range lanes {
		l.setup.remoteWrite, l.setup.resendDelay = true, time.Second
	}
	if err := b.filled(ctx, lanes); err != nil {
		return err
	}
	for round := range b.form.restartRounds {
		for i := range lanes {
			if err := b.restartOne(ctx, lanes[(i+round)%len(lanes)], round); err != nil {
				return err
			}
		}
	}
	return nil
}

// filled gives each lane its history, and kills it.
func (b *bench) filled(ctx context.Context, lanes []*lane) error {
	if err := up(ctx, lanes); err != nil {
		return err
	}
	return each(lanes, func(l *lane) error {
		begun, err := l.usage()
		if err != nil {
			return err
		}
		h := denseHistory(b.form.restartSeries, b.form.restartHistory)
		if err := l.fill(ctx, h); err != nil {
			return err
		}
		if err := pause(ctx, b.form.restartRest); err != nil {
			return err
		}
		ended, err := l.usage()
		if err != nil {
			return err
		}
		b.results.set(measureFilled, l.name, 0, float64(ended.written-begun.written)/float64(len(h.times)*len(h.labels)))
		if err := l.ready(ctx); err != nil {
			return err
		}
		if err := l.kill(); err != nil {
			return fmt.Errorf("kill %s: %w", l.name, err)
		}
		return l.keep()
	})
}

// restartOne is one round of one contestant.
func (b *bench) restartOne(ctx context.Context, l *lane, round int) error {
	if err := l.restore(); err != nil {
		return err
	}
	if err := b.firstSigns(ctx, l, round, measureKilled, measureKilledAlert); err != nil {
		return err
	}
	begun := time.Now()
	if err := l.stop(); err != nil {
		return fmt.Errorf("stop %s: %w", l.name, err)
	}
	b.results.set(measureStop, l.name, round, seconds(time.Since(begun)))
	if err := b.firstSigns(ctx, l, round, measureStopped, measureStoppedAlert); err != nil {
		return err
	}
	return l.kill()
}

// firstSigns starts a lane again and times its first evaluation and alert.
func (b *bench) firstSigns(ctx context.Context, l *lane, round int, evaluation, alert string) error {
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
	b.results.set(evaluation, l.name, round, seconds(time.Since(l.started)))
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
	b.results.set(alert, l.name, round, seconds(at.Sub(l.started)))
	return l.ready(ctx)
}

// keep copies the files of a lane that does not run; restore puts them back.
func (l *lane) keep() error { return replaceDir(l.keptDir(), l.dataDir()) }

func (l *lane) restore() error { return replaceDir(l.dataDir(), l.keptDir()) }

// replaceDir makes a directory the copy of another.
func replaceDir(to, from string) error {
	if err := os.RemoveAll(to); err != nil {
		return fmt.Errorf("copy data: %w", err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return fmt.Errorf("copy data: %w", err)
	}
	return nil
}

// dataDir is where all contestants keep their data; keptDir is its copy.
func (l *lane) dataDir() string { return filepath.Join(l.setup.dir, "data") }
func (l *lane) keptDir() string { return filepath.Join(l.setup.dir, "kept") }

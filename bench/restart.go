package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// restart measures from the start of the process to its first evaluation and to
// its first alert: after SIGKILL with some hours of samples that are in no block
// yet, and after a clean stop. The history is written once: each round begins with
// the files as the SIGKILL left them.
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
		if err := b.restartRound(ctx, inTurn(lanes, round), round); err != nil {
			return err
		}
	}
	return nil
}

// inTurn is another order of the lanes for each round: the first is another, and
// none has always the same before it, which may not have come to rest.
func inTurn(lanes []*lane, round int) []*lane {
	out := append(slices.Clone(lanes[round%len(lanes):]), lanes[:round%len(lanes)]...)
	if round%2 == 1 {
		slices.Reverse(out[1:])
	}
	return out
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

// restartRound starts, stops and starts all lanes.
func (b *bench) restartRound(ctx context.Context, lanes []*lane, round int) error {
	if err := each(lanes, (*lane).restore); err != nil {
		return err
	}
	if err := b.firstSigns(ctx, lanes, round, afterKill); err != nil {
		return err
	}
	for _, l := range lanes {
		begun := time.Now()
		if err := l.stop(); err != nil {
			return fmt.Errorf("stop %s: %w", l.name, err)
		}
		b.results.set(measureStop, l.name, round, seconds(time.Since(begun)))
	}
	if err := b.firstSigns(ctx, lanes, round, afterStop); err != nil {
		return err
	}
	return each(lanes, (*lane).kill)
}

// signs are the measures of a start.
type signs struct{ evaluation, cpu, alert string }

var (
	afterKill = signs{measureKilled, measureKilledCPU, measureKilledAlert}
	afterStop = signs{measureStopped, measureStoppedCPU, measureStoppedAlert}
)

// firstSigns starts the lanes again, and times the first evaluation and alert of
// each. Alone is each until it has evaluated, which takes the machine; for their
// alerts, which take patience, they wait together.
func (b *bench) firstSigns(ctx context.Context, lanes []*lane, round int, m signs) error {
	for _, l := range lanes {
		took, used, err := l.firstEvaluation(ctx)
		if err != nil {
			return err
		}
		b.results.set(m.evaluation, l.name, round, seconds(took))
		b.results.set(m.cpu, l.name, round, seconds(used.cpu))
	}
	return each(lanes, func(l *lane) error {
		took, err := l.firstAlert(ctx)
		if err != nil {
			return err
		}
		b.results.set(m.alert, l.name, round, seconds(took))
		return nil
	})
}

// firstEvaluation starts a lane, and tells how long its first evaluation was in
// coming and what it had used by then.
func (l *lane) firstEvaluation(ctx context.Context) (took time.Duration, used usage, err error) {
	l.receiver.forget()
	if err := l.start(ctx); err != nil {
		return 0, usage{}, err
	}
	err = l.poll(ctx, often, startLimit, func() error {
		st, err := l.evaluated()
		if err == nil && st.evaluated == 0 {
			err = errors.New("no rule evaluated yet")
		}
		return err
	})
	if err != nil {
		return 0, usage{}, err
	}
	took = time.Since(l.started)
	used, err = l.usage()
	return took, used, err
}

// firstAlert waits for the first alert after a start, and tells how long it was in
// coming.
func (l *lane) firstAlert(ctx context.Context) (time.Duration, error) {
	key := alertKey(alwaysAlert, "")
	err := l.poll(ctx, often, startLimit, func() error {
		if _, ok := l.receiver.received(key); !ok {
			return errors.New("no alert delivered yet")
		}
		return nil
	})
	at, _ := l.receiver.received(key)
	return at.Sub(l.started), err
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

package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// bench is one run: the contestants, and what came of it.
type bench struct {
	form        form
	contestants []contestant
	dir         string // for data; removed piece by piece
	log         *slog.Logger
	results     *results
}

// The parts of a run.
const (
	partSteady  = "steady"
	partCycle   = "cycle"
	partDay     = "day"
	partLatency = "latency"
	partStorm   = "storm"
	partRestart = "restart"
	partCurves  = "curves"
)

// part is one part of the bench.
type part struct {
	name   string
	run    func(ctx context.Context, round int, all []contestant) error
	rounds int
	// inTurn: one contestant after the other, in an order that changes with each
	// round. Else all at once, so that each has the same neighbours.
	inTurn bool
	// beside: it runs beside the others, as it measures nothing that neighbours
	// change much: CPU time, memory, bytes.
	beside bool
}

// parts are all parts of a run, in its form.
func (b *bench) parts() []part {
	f := b.form
	return []part{
		{name: partSteady, run: b.steady, rounds: 1, beside: true},
		{name: partCycle, run: b.micro, rounds: f.cycleRounds},
		{name: partDay, run: b.day, rounds: min(1, f.dayHours)},
		{name: partLatency, run: b.latency, rounds: 1},
		{name: partStorm, run: b.storm, rounds: f.stormRounds, inTurn: true},
		{name: partRestart, run: b.restart, rounds: 1},
		{name: partCurves, run: b.curves, rounds: 1},
	}
}

// run runs some parts.
func (b *bench) run(ctx context.Context, parts []part) error {
	var beside sync.WaitGroup
	errs := make([]error, len(parts))
	for i, p := range parts {
		if p.beside {
			beside.Go(func() { errs[i] = b.rounds(ctx, p) })
		}
	}
	for i, p := range parts {
		if !p.beside {
			errs[i] = b.rounds(ctx, p)
		}
	}
	beside.Wait()
	return errors.Join(errs...)
}

// rounds runs a part, as often as it wants. A round that fails is told in the
// report, and has no values; only the end of ctx is an error.
func (b *bench) rounds(ctx context.Context, p part) error {
	var all []contestant
	for _, c := range b.contestants {
		if c.in(p.name) {
			all = append(all, c)
		}
	}
	started := time.Now()
	defer func() { b.results.took(p, time.Since(started)) }()
	for round := range p.rounds {
		begun := time.Now()
		batches := [][]contestant{all}
		if p.inTurn {
			batches = nil
			for i := range all {
				batches = append(batches, []contestant{all[(i+round)%len(all)]})
			}
		}
		for _, batch := range batches {
			err := p.run(ctx, round, batch)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				b.log.Error("part failed", "part", p.name, "contestants", names(batch), "err", err)
				b.results.note("Part %s, round %d failed with %s.", p.name, round+1, strings.Join(names(batch), ", "))
			}
		}
		b.log.Info("round", "part", p.name, "round", round+1, "of", p.rounds, "took", time.Since(begun).Round(time.Second))
	}
	return nil
}

// lanes makes a lane for each contestant. The caller removes them.
func (b *bench) lanes(all []contestant, w workload) ([]*lane, error) {
	m := w.metrics()
	var out []*lane
	for _, c := range all {
		l, err := newLane(c, b.dir, w, m)
		if err != nil {
			return nil, errors.Join(err, removeAll(out))
		}
		out = append(out, l)
	}
	return out, nil
}

func removeAll(lanes []*lane) error {
	return each(lanes, (*lane).remove)
}

// each does something with all lanes at once.
func each(lanes []*lane, do func(*lane) error) error {
	errs := make([]error, len(lanes))
	var wait sync.WaitGroup
	for i, l := range lanes {
		wait.Go(func() { errs[i] = do(l) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// up starts all lanes and waits until they work.
func up(ctx context.Context, lanes []*lane) error {
	return each(lanes, func(l *lane) error { return l.up(ctx) })
}

// seconds is a duration as the results hold it.
func seconds(d time.Duration) float64 { return d.Seconds() }

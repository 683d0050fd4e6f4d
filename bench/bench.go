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

// scenario is one part of the bench.
type scenario struct {
	name string
	run  func(ctx context.Context, all []contestant) error
	// memory: contestants that keep samples in memory take part too.
	memory bool
	// together: all at once, so that each has the same neighbours. Else one after
	// the other, in an order that changes with each round.
	together bool
	// impatient: without contestants that look at what is half a minute old.
	impatient bool
	rounds    int
}

// scenarios are all parts of a run, in its form.
func (b *bench) scenarios() []scenario {
	f := b.form
	return []scenario{
		{name: "steady", run: b.steady, memory: true, together: true, rounds: f.steadyRounds},
		{name: "latency", run: b.latency, impatient: f.impatient, rounds: f.latencyRounds},
		{name: "storm", run: b.storm, impatient: f.impatient, rounds: f.stormRounds},
		{name: "restart", run: b.restart, rounds: f.restartRounds},
		{name: "curves", run: b.curves, together: true, rounds: 1},
	}
}

// rounds runs a scenario with all contestants, several times. A contestant that
// fails is told and left out of that round.
func (b *bench) rounds(ctx context.Context, s scenario) error {
	var all []contestant
	for _, c := range b.contestants {
		if (s.memory || !c.memory) && !(s.impatient && c.looksBack) {
			all = append(all, c)
		}
	}
	for round := range s.rounds {
		begun := time.Now()
		batches := [][]contestant{all}
		if !s.together {
			batches = nil
			for i := range all {
				batches = append(batches, []contestant{all[(i+round)%len(all)]})
			}
		}
		for _, batch := range batches {
			if err := s.run(ctx, batch); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				b.log.Error("part failed", "part", s.name, "contestants", names(batch), "err", err)
				b.results.note("Part %s, round %d failed with %s.", s.name, round+1, strings.Join(names(batch), ", "))
			}
		}
		b.results.level(names(all))
		b.log.Info("round", "part", s.name, "round", round+1, "of", s.rounds, "took", time.Since(begun).Round(time.Second))
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
	return each(lanes, func(l *lane) error {
		if err := l.start(ctx); err != nil {
			return err
		}
		return l.ready(ctx)
	})
}

// seconds is a duration as the results hold it.
func seconds(d time.Duration) float64 { return d.Seconds() }

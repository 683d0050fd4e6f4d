package main

import (
	"context"
	"errors"
)

// allWork, series times rules, is more than any peer can do within an interval: only
// Tocsin is measured with it.
const allWork = 100_000 * 1e4

// coreSettle and coreIntervals are for how many intervals a point of that size settles
// and is watched: what is collected once in some of them is to be in it by its share.
const coreSettle, coreIntervals = 4, 12

// core measures how much of a core the rules of a workload take: what a process with
// them uses more than one of which all is the same but for a single rule that reads no
// series, at the same time. In the difference is all that the rules bring: queries,
// windows, alert state, the series that they write, sending, collecting what that
// leaves.
func (b *bench) core(ctx context.Context, c contestant, w workload) (point, error) {
	bare := w
	bare.rules = 1
	lanes, err := b.lanes([]contestant{c}, w)
	if err != nil {
		return point{}, err
	}
	base, err := b.lanes([]contestant{c}, bare)
	if err != nil {
		return point{}, errors.Join(err, removeAll(lanes))
	}
	points, err := b.measure(ctx, append(lanes, base...), coreSettle*w.interval, coreIntervals*w.interval)
	if err != nil {
		return point{}, err
	}
	with, without := points[0], points[1]
	b.results.set(measureCore, c.name, 0, (with.cost.cpu-without.cost.cpu)/seconds(w.interval))
	b.results.set(measureProcess, c.name, 0, with.cost.cpu/seconds(w.interval))
	b.results.set(measureMissed, c.name, 0, with.missed)
	return with, nil
}

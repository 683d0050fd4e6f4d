package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/storage"
)

const (
	// maxBatch bounds how many samples wait to be stored.
	maxBatch = 10_000
	// promptly: what waits is stored before a rule that takes longer than this.
	promptly = 50 * time.Millisecond
)

// batch is what the rules of a group have given and storage does not have yet: it is
// stored in one transaction, when a rule comes that may read it, and at the end.
type batch struct {
	to      storage.AppendableV2
	at      time.Time
	outputs []output
	first   int // the place in the group of the first of their rules
	points  int
}

// output is what one rule gave.
type output struct {
	rule    *ruleBase
	points  []point
	refused int
	err     error // the first of the refusals
	// settle is told whether storage took it.
	settle func(error)
}

// add takes over what the i-th rule of the group gave.
func (b *batch) add(i int, o output) {
	if len(b.outputs) == 0 {
		b.first = i
	}
	b.outputs = append(b.outputs, o)
	b.points += len(o.points)
}

// holdsUp tells whether what waits must be in storage before the evaluation of a rule.
func (b *batch) holdsUp(r *ruleBase) bool {
	return len(b.outputs) > 0 && (r.after >= b.first || b.points >= maxBatch || r.duration > promptly)
}

// store stores what waits, and marks stale what the evaluations before wrote and
// these did not.
func (b *batch) store(ctx context.Context) {
	if len(b.outputs) == 0 {
		return
	}
	t := b.at.UnixMilli()
	app := b.to.AppenderV2(context.WithoutCancel(ctx))
	for i := range b.outputs {
		o := &b.outputs[i]
		for _, p := range o.points {
			if err := p.append(app, t); err != nil {
				if o.refused++; o.err == nil {
					o.err = err
				}
				continue
			}
			o.rule.written.keep(p.series)
		}
		o.rule.written.markStale(app, t)
	}
	err := app.Commit()
	for _, o := range b.outputs {
		o.rule.written.settle(err == nil)
		switch {
		case err != nil:
			o.settle(fmt.Errorf("store results: %w", err))
		case o.refused > 0:
			o.settle(fmt.Errorf("store results: %d of %d refused: %w", o.refused, len(o.points), o.err))
		default:
			o.settle(nil)
		}
	}
	clear(b.outputs)
	b.outputs, b.points = b.outputs[:0], 0
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
)

// seriesSet is a set of series by the bytes of their labels.
type seriesSet map[string]labels.Labels

func (s seriesSet) add(ls labels.Labels) { s[string(ls.Bytes(nil))] = ls }

// write stores the samples of one evaluation in one transaction, and marks stale
// what the evaluation before wrote and this one did not. An evaluation that failed
// without samples says nothing about the series before.
func (b *ruleBase) write(ctx context.Context, to storage.AppendableV2, samples []promql.Sample, at time.Time, evalErr error) error {
	if len(samples) == 0 && (evalErr != nil || len(b.written) == 0) {
		return nil
	}
	app := to.AppenderV2(context.WithoutCancel(ctx))
	written := make(seriesSet, len(samples))
	var firstErr error
	refused := 0
	for _, s := range samples {
		if _, err := app.Append(0, s.Metric, 0, s.T, s.F, nil, s.H, storage.AOptions{RejectOutOfOrder: true}); err != nil {
			refused++
			if firstErr == nil {
				firstErr = err
			}
			continue
		}
		written.add(s.Metric)
	}
	stale(app, b.written, written, at)
	if err := app.Commit(); err != nil {
		return fmt.Errorf("store results: %w", err)
	}
	b.written = written
	if refused > 0 {
		return fmt.Errorf("store results: %d of %d refused: %w", refused, len(samples), firstErr)
	}
	return nil
}

// stale marks the series of before that are not in now. Storage refuses a marker
// where another rule has written the same series: that is as it should be.
func stale(app storage.AppenderV2, before, now seriesSet, at time.Time) {
	for k, ls := range before {
		if _, ok := now[k]; !ok {
			_, _ = app.Append(0, ls, 0, at.UnixMilli(), math.Float64frombits(value.StaleNaN), nil, nil, storage.AOptions{RejectOutOfOrder: true})
		}
	}
}

// orphan notes a series of a rule that is gone.
func (e *Engine) orphan(key string, ls labels.Labels) {
	if e.orphans == nil {
		e.orphans = seriesSet{}
	}
	e.orphans[key] = ls
}

// passOrphans gives all series of rules that are gone to the first group, to be
// marked with its next evaluation; without a group they wait for one.
func (e *Engine) passOrphans(groups, old []*group) {
	for _, g := range old {
		for k, ls := range g.orphans {
			e.orphan(k, ls)
		}
	}
	if len(groups) > 0 {
		groups[0].orphans, e.orphans = e.orphans, nil
	}
}

// markOrphans marks the series of rules that are gone.
func (g *group) markOrphans(ctx context.Context, at time.Time) {
	if len(g.orphans) == 0 {
		return
	}
	app := g.engine.opts.Appendable.AppenderV2(context.WithoutCancel(ctx))
	stale(app, g.orphans, nil, at)
	if err := app.Commit(); err != nil {
		if !errors.Is(err, context.Canceled) {
			g.log.Warn("series of removed rules are not marked stale yet", "err", err)
		}
		return
	}
	g.orphans = nil
}

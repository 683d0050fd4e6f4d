package engine

import (
	"context"
	"errors"
)

// orphan notes the series of a rule that is gone.
func (e *Engine) orphan(s seriesSet) {
	if e.orphans == nil {
		e.orphans = seriesSet{}
	}
	e.orphans.takeAll(s)
}

// passOrphans gives all series of rules that are gone to the first group, to be
// marked with its next evaluation; without a group they wait for one.
func (e *Engine) passOrphans(groups, old []*group) {
	for _, g := range old {
		e.orphan(g.orphans)
		g.orphans = nil
	}
	if len(groups) > 0 {
		groups[0].orphans, e.orphans = e.orphans, nil
	}
}

// markOrphans marks the series of rules that are gone.
func (g *group) markOrphans(ctx context.Context) {
	if len(g.orphans) == 0 {
		return
	}
	app := g.engine.opts.Appendable.AppenderV2(context.WithoutCancel(ctx))
	g.orphans.markStale(app, g.batch.at.UnixMilli())
	if err := app.Commit(); err != nil {
		if !errors.Is(err, context.Canceled) {
			g.log.Warn("series of removed rules are not marked stale yet", "err", err)
		}
		return
	}
	g.orphans = nil
}

package engine

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// ownTarget is what the target of the ticks surely bears, and may bring. Nil is not
// known: it may be all that there is.
type ownTarget struct {
	labels labels.Labels
	names  func(string) bool
}

// Describe tells what the target of the ticks is: the labels that all its samples
// surely bear, and whether it may bring series of a metric's name, where nil is of
// any. Its failures are then no matter to rules that cannot read anything of it. Until
// then it is taken for all that there is. It never blocks, and may be called by any
// goroutine; names may be, too.
func (e *Engine) Describe(ls labels.Labels, names func(string) bool) {
	e.own.Store(&ownTarget{ls, names})
}

// among are the series of its up, of those of all targets; all where it is not known.
func (t *ownTarget) among(up promql.Matrix) promql.Matrix {
	if t == nil {
		return up
	}
	return slices.DeleteFunc(slices.Clone(up), func(s promql.Series) bool { return !bears(s.Metric, t.labels) })
}

// feeds is what a rule may read of it.
func (t *ownTarget) feeds(o *origin) fed {
	if t == nil {
		return fed{any: true, data: true, window: o.window}
	}
	return o.fedBy(t.labels, t.names)
}

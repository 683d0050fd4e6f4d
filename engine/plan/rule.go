package plan

import (
	"context"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// Query is the expression of one rule.
type Query struct {
	Expr string
	// Offset is the query offset of its group: rules of different offsets are never
	// evaluated at the same time.
	Offset time.Duration
}

// Rule is one expression in the plan.
type Rule struct {
	plan  *Plan
	query Query
	expr  parser.Expr
	// from and to are how far before the evaluation, in milliseconds, it reads.
	from, to int64
	// All below is guarded by the plan's mutex.
	roots [orders]*root
	never bool // it cannot be compiled, or was found to differ
}

// Vector evaluates the rule at a moment. It is false where promql.Engine has to be
// asked: for errors too, so that it is the one to tell them.
func (r *Rule) Vector(ctx context.Context, at time.Time) (promql.Vector, bool) {
	vec, _, ok := r.evaluate(ctx, at)
	if ok {
		r.plan.metrics.byPlan.Inc()
	} else {
		r.plan.metrics.byEngine.Inc()
	}
	return vec, ok
}

// basis is what an answer was computed from: equal ones from equal samples.
type basis struct {
	extent
	changed uint64 // version of the window at which a series was last written that the rule reads
}

// extent is what storage says of the time that a rule reads.
type extent struct {
	generation uint64
	oldest     int64
	blocks     bool
}

func (r *Rule) extent(ts int64) (e extent) {
	e.generation, e.oldest, e.blocks = r.plan.opts.Extent(ts-r.from, ts-r.to)
	return e
}

// evaluate gives the result at a moment, and what it was computed from.
func (r *Rule) evaluate(ctx context.Context, at time.Time) (vec promql.Vector, from basis, ok bool) {
	p := r.plan
	ts := at.UnixMilli()
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() {
		if fault := recover(); fault != nil {
			r.never, ok = true, false
			p.fault(fault, r.query.Expr)
		}
	}()
	e, ok := r.ready(ctx, ts)
	if !ok {
		return nil, basis{}, false
	}
	if p.window.sweep() {
		p.tidy()
	}
	p.oldest = min(p.oldest, e.oldest)
	if ts-r.from <= p.window.since || e.oldest > p.oldest && ts-r.from < e.oldest {
		return nil, basis{}, false // one of the two has forgotten what the other remembers
	}
	order := byReference
	if e.blocks {
		order = byLabels
	}
	p.used[order] = true
	root := r.root(order)
	if root == nil {
		return nil, basis{}, false
	}
	t := turn{at: ts, version: p.window.version, lookback: p.opts.Lookback.Milliseconds(), limit: p.window.limit}
	vec, ok = root.vector(&t, p.opts.MaxSamples)
	return vec, basis{e, root.changed()}, ok && ctx.Err() == nil
}

// root compiles the rule for an order when it is first needed.
func (r *Rule) root(o order) *root {
	if r.roots[o] == nil {
		c := compiler{plan: r.plan, order: o, offset: r.query.Offset}
		r.roots[o] = c.root(r.expr)
	}
	return r.roots[o]
}

// root is the node or scalar of a whole expression.
type root struct {
	node     *node
	scalar   scalar
	families []*family // what it reads
}

// changed is the version of the window at which a series was last written that it
// reads.
func (r *root) changed() (version uint64) {
	for _, f := range r.families {
		version = max(version, f.changed)
	}
	return version
}

// samplesPerResult is more than the samples that promql.Engine counts for each
// result of each node: those of its operands, once again where it gathers them,
// and the result.
const samplesPerResult = 4

func (r *root) vector(t *turn, maxSamples int) (promql.Vector, bool) {
	if r.scalar != nil {
		v, weight, ok := r.scalar.scalar(t)
		return promql.Vector{{T: t.at, F: v, Metric: labels.EmptyLabels()}}, ok && weight*samplesPerResult < maxSamples
	}
	c, ok := r.node.vector(t)
	if !ok || c.weight*samplesPerResult >= maxSamples {
		return nil, false
	}
	if len(c.index) == 0 {
		return nil, true
	}
	vec := make(promql.Vector, len(c.index))
	for k, i := range c.index {
		vec[k] = promql.Sample{Metric: c.labels.out(i), T: t.at, F: c.values[k]}
	}
	return vec, true
}

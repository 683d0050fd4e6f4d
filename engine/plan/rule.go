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
	vec, ok := r.evaluate(ctx, at, true)
	if ok {
		r.plan.metrics.byPlan.Inc()
	} else {
		r.plan.metrics.byEngine.Inc()
	}
	return vec, ok
}

// evaluate reads storage only if it may.
func (r *Rule) evaluate(ctx context.Context, at time.Time, mayFill bool) (vec promql.Vector, ok bool) {
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
	if r.never || ctx.Err() != nil {
		return nil, false
	}
	generation, oldest, blocks := p.opts.Extent(ts-r.from, ts-r.to)
	if !p.filled || generation != p.generation || len(p.window.broken) > 0 || p.crowded() {
		if !mayFill || !p.fill(ctx, ts) {
			return nil, false
		}
		if generation, oldest, blocks = p.opts.Extent(ts-r.from, ts-r.to); generation != p.generation {
			return nil, false
		}
	}
	if p.window.sweep() {
		p.tidy()
	}
	p.oldest = min(p.oldest, oldest)
	if ts-r.from <= p.window.since || oldest > p.oldest && ts-r.from < oldest {
		return nil, false // one of the two has forgotten what the other remembers
	}
	order := byReference
	if blocks {
		order = byLabels
	}
	p.used[order] = true
	root := r.root(order)
	if root == nil {
		return nil, false
	}
	t := turn{at: ts, version: p.window.version, lookback: p.opts.Lookback.Milliseconds(), limit: p.window.limit}
	vec, ok = root.vector(&t, p.opts.MaxSamples)
	return vec, ok && ctx.Err() == nil
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
	node   *node
	scalar scalar
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

package engine

import (
	"context"
	"time"

	"github.com/prometheus/prometheus/promql"

	"github.com/tocsin/tocsin/engine/plan"
)

// checkEvery is how many evaluations of rules by the plan there are to one that is
// repeated on the query engine, and compared.
const checkEvery = 2000

// compile gives the expressions of all rules to the plan, if there is one.
func (e *Engine) compile(groups []*group) {
	if e.opts.Plan == nil {
		return
	}
	var queries []plan.Query
	for _, g := range groups {
		for _, r := range g.rules {
			queries = append(queries, plan.Query{Expr: r.base().rule.ExprText, Offset: g.offset})
		}
	}
	planned := e.opts.Plan.Load(queries)
	for _, g := range groups {
		for _, r := range g.rules {
			r.base().planned, planned = planned[0], planned[1:]
		}
	}
}

// vector evaluates the rule's expression.
func (b *ruleBase) vector(ctx context.Context, e *Engine, at time.Time) (vec promql.Vector, err error) {
	defer func() { b.returned = len(vec) }()
	if b.ahead != nil && b.ahead.has(ctx, at) {
		return b.ahead.take(at), nil
	}
	if b.planned != nil {
		if vec, b.byPlan = b.planned.Vector(ctx, at); b.byPlan {
			return vec, nil
		}
	}
	return e.vector(ctx, b.rule.ExprText, at)
}

// checkPlan repeats, every so many evaluations, one of this group on the query
// engine; not while a tick waits.
func (g *group) checkPlan(ctx context.Context, at time.Time) {
	if g.engine.opts.Plan == nil || len(g.rules) == 0 {
		return
	}
	if g.unchecked += len(g.rules); g.unchecked < checkEvery || len(g.ticks) > 0 {
		return
	}
	g.unchecked = 0
	b := g.rules[g.toCheck%len(g.rules)].base()
	g.toCheck++
	if b.planned == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, g.ruleTimeout())
	defer cancel()
	b.planned.Check(ctx, at, g.engine.vector)
}

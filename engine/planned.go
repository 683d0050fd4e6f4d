package engine

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/prometheus/promql"

	"github.com/tocsin/tocsin/engine/plan"
)

const (
	// checkEvery is how many evaluations of a group's rules by the plan there are to one
	// that is repeated on the query engine, and compared.
	checkEvery = 2000
	// checkRest is how many times as long as such a comparison took there is no other, of
	// any group: with many rules they cost half a percent of a core, and no more.
	checkRest = 200
)

// checks paces the comparisons, one at a time. It may be used from any goroutine.
type checks struct {
	mu   sync.Mutex
	busy bool
	last time.Time     // of the one before, in the time of evaluations
	rest time.Duration // after it
}

// begin tells whether there may be one for an evaluation at a time; then end follows.
func (c *checks) begin(at time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	// One of before the last is of a group that is late, unless the clock has gone back.
	if c.busy || at.Sub(c.last).Abs() < c.rest {
		return false
	}
	c.busy, c.last = true, at
	return true
}

func (c *checks) end(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy, c.rest = false, checkRest*took
}

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
	defer func() { b.returned, b.asked = len(vec), true }()
	if b.ahead != nil && b.ahead.has(ctx, at) {
		return b.ahead.take(at), nil
	}
	if b.planned != nil {
		if vec, b.byPlan = b.planned.Vector(ctx, at); b.byPlan {
			return vec, nil
		}
		defer e.fallbacks.enter(ctx)()
	}
	return e.vector(ctx, b.rule.ExprText, at)
}

// checkPlan repeats, every so many evaluations, one of this group on the query
// engine; not while a tick waits.
func (g *group) checkPlan(ctx context.Context, at time.Time) {
	if g.engine.opts.Plan == nil || len(g.rules) == 0 {
		return
	}
	g.unchecked += len(g.rules)
	if g.unchecked < checkEvery || len(g.ticks) > 0 || !g.engine.checks.begin(g.last) {
		return
	}
	start := time.Now()
	defer func() { g.engine.checks.end(time.Since(start)) }()
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

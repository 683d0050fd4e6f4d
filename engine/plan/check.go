package plan

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// checkTries is how often the two are compared where samples come in between.
const checkTries = 4

// unsteady tells of an expression of which promql.Engine does not give the same
// result each time: it sums what has passed through a map.
func unsteady(e parser.Expr) bool {
	found := false
	parser.Inspect(e, func(n parser.Node, above []parser.Node) error {
		call, ok := n.(*parser.Call)
		if !ok || call.Func.Name != "histogram_quantile" {
			return nil
		}
		found = found || slices.ContainsFunc(above, func(n parser.Node) bool {
			_, ok := n.(*parser.AggregateExpr)
			return ok
		})
		return nil
	})
	return found
}

// Check evaluates the rule at a moment and compares with what ask says, which is
// promql.Engine. If they differ over the same samples, and the engine says so twice,
// the rule is answered by the engine from then on; that is counted, logged, and a
// false result. It costs an evaluation of the engine, and holds nobody up: call it
// where there is time, from any goroutine.
func (r *Rule) Check(ctx context.Context, at time.Time, ask func(ctx context.Context, expr string, at time.Time) (promql.Vector, error)) bool {
	if r.expr == nil || unsteady(r.expr) {
		return true
	}
	var before *said
	for try := range checkTries {
		got, from, ok := r.evaluate(ctx, at)
		if !ok {
			return true
		}
		var want said
		want.vec, want.err = ask(ctx, r.query.Expr, at)
		if ctx.Err() != nil {
			return true
		}
		if try == 0 {
			r.plan.metrics.checks.Inc()
		}
		if want.err == nil && equal(got, want.vec, false) {
			return true
		}
		if !r.unmoved(ctx, at, from) {
			continue // the engine may have seen other samples
		}
		if before == nil {
			before = &want
			continue
		}
		if want.agrees(before) {
			r.leave(at, got, want)
			return false
		}
		return true // the engine does not agree with itself
	}
	return true
}

// said is what the engine has said.
type said struct {
	vec promql.Vector
	err error
}

func (s *said) agrees(with *said) bool {
	return (s.err == nil) == (with.err == nil) && equal(s.vec, with.vec, false)
}

// unmoved tells whether the plan would still answer from the same samples.
func (r *Rule) unmoved(ctx context.Context, at time.Time, from basis) bool {
	r.plan.awaitCommit()
	_, now, ok := r.evaluate(ctx, at)
	return ok && now == from
}

// awaitCommit waits for the transaction that is committing, if one is: then all that
// storage has is visible.
func (p *Plan) awaitCommit() {
	p.commits.Lock()
	defer p.commits.Unlock()
}

// leave gives the rule to the engine, until rules are loaded anew.
func (r *Rule) leave(at time.Time, got promql.Vector, want said) {
	p := r.plan
	p.mu.Lock()
	r.never = true
	p.mu.Unlock()
	p.metrics.mismatches.Inc()
	p.log.Error("the plan and the query engine differ, the rule is left to the engine: please report this",
		"expr", r.query.Expr, "at", at.UTC(), "plan", shorten(got), "engine", shorten(want.vec), "engine_err", want.err)
}

// shorten keeps a log line short.
func shorten(vec promql.Vector) string {
	const most = 2000
	if s := vec.String(); len(s) <= most {
		return s
	}
	return vec.String()[:most] + "…"
}

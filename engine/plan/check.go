package plan

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// checkTries is how often promql.Engine is asked before a difference counts.
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
// promql.Engine. If they differ over the same samples the rule is answered by the
// engine from then on; that is counted, logged, and a false result. It costs an
// evaluation of the engine: call it where there is time, from any goroutine.
func (r *Rule) Check(ctx context.Context, at time.Time, ask func(ctx context.Context, expr string, at time.Time) (promql.Vector, error)) bool {
	p := r.plan
	if r.expr == nil || unsteady(r.expr) {
		return true
	}
	got, ok := r.evaluate(ctx, at, true)
	if !ok {
		return true
	}
	want, err := ask(ctx, r.query.Expr, at)
	if ctx.Err() != nil {
		return true
	}
	p.metrics.checks.Inc()
	if err == nil && equal(got, want, false) {
		return true
	}
	// Once more, while nothing is written: the samples may have been others.
	p.commits.Lock()
	defer p.commits.Unlock()
	_, _, before := p.opts.Extent(at.UnixMilli()-r.from, at.UnixMilli()-r.to)
	if got, ok = r.evaluate(ctx, at, false); !ok {
		return true
	}
	var first promql.Vector
	for try := range checkTries {
		want, err = ask(ctx, r.query.Expr, at)
		if ctx.Err() != nil || err == nil && equal(got, want, false) {
			return true
		}
		if try == 0 {
			first = want
		} else if err == nil && !equal(first, want, false) {
			return true
		}
	}
	if _, _, after := p.opts.Extent(at.UnixMilli()-r.from, at.UnixMilli()-r.to); after != before {
		return true // the head became a block meanwhile, which has another order
	}
	r.leave(at, got, want, err)
	return false
}

// leave gives the rule to the engine, until rules are loaded anew.
func (r *Rule) leave(at time.Time, got, want promql.Vector, err error) {
	p := r.plan
	p.mu.Lock()
	r.never = true
	p.mu.Unlock()
	p.metrics.mismatches.Inc()
	p.log.Error("the plan and the query engine differ, the rule is left to the engine: please report this",
		"expr", r.query.Expr, "at", at.UTC(), "plan", shorten(got), "engine", shorten(want), "engine_err", err)
}

// shorten keeps a log line short.
func shorten(vec promql.Vector) string {
	const most = 2000
	if s := vec.String(); len(s) <= most {
		return s
	}
	return vec.String()[:most] + "…"
}

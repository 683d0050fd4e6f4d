// Package explain says why a rule fires, or why not. It takes the expression apart
// and evaluates each part of it at the moment of the rule's last evaluation.
//
// It keeps no state, changes nothing, and is careful with the machine that it runs
// on: each part is evaluated once, in all for a few seconds at most, and what is left
// then is skipped and said to be.
package explain

import (
	"context"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/engine"
)

// Limits of one explanation.
const (
	// DefaultTimeout is for all evaluations together.
	DefaultTimeout = 5 * time.Second
	// DefaultSeries is how many series of a vector are shown.
	DefaultSeries = 20
	// maxNodes bounds the parts of an expression, maxSamples what is read of all of
	// them together. A part that takes longer than maxTook is the last.
	maxNodes   = 100
	maxSamples = 5_000_000
	maxTook    = time.Second
	// maxSlow is how long the rule's own evaluation may take for its parts to be
	// evaluated one by one.
	maxSlow = time.Second
)

// Options are what an explanation is made with. Query and Queryable are required.
type Options struct {
	// Query runs one instant query.
	Query func(ctx context.Context, q engine.Query) (engine.Result, error)
	// Queryable is asked for the names of metrics that are missed.
	Queryable storage.Queryable
	// Timeout and Series are the limits; zero means the defaults.
	Timeout time.Duration
	Series  int
	// Now is the present, in the time of the evaluations.
	Now time.Time
	// StorageTrouble is what is wrong with the store, empty if nothing is; PausedSince
	// when evaluations stopped, zero if they go on.
	StorageTrouble string
	PausedSince    time.Time
}

// Explain explains a rule of a group, of the same snapshot. The alerts are left to
// the caller, who knows of their deliveries. It ends when ctx does, with what there
// is by then.
func Explain(ctx context.Context, g *engine.GroupStatus, r *engine.RuleStatus, in engine.Insight, opts Options) *api.Explanation {
	if opts.Timeout == 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.Series == 0 {
		opts.Series = DefaultSeries
	}
	ctx, cancel := context.WithTimeout(ctx, opts.Timeout)
	defer cancel()
	x := newExplanation(g, r, in)
	e := &evaluator{ctx: ctx, opts: &opts, rule: r, insight: &in, text: r.Rule.ExprText, asked: map[question]*answer{}}
	if r.EvaluationTime > maxSlow {
		e.stop("the rule alone takes " + api.SpanText(r.EvaluationTime) + ": its parts are not evaluated one by one, to spare the host")
	}
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(r.Rule.ExprText)
	var root *part
	if err == nil {
		if at := r.LastEvaluation; !at.IsZero() {
			x.At = api.Instant(at.Add(-in.Offset))
		} else {
			x.At = api.Instant(opts.Now)
		}
		root = e.takeApart(tree, "", x.At)
		x.Expression = &root.node
		x.Selectors, x.Comparisons = append(x.Selectors, e.selectors...), append(x.Comparisons, e.comparisons...)
		x.Skipped = e.stopped
	}
	s := &story{g: g, rule: r, insight: &in, opts: &opts, root: root}
	s.holds = s.listHolds()
	x.Holds = s.holds
	x.Answer, x.Details = s.tell()
	return x
}

func newExplanation(g *engine.GroupStatus, r *engine.RuleStatus, in engine.Insight) *api.Explanation {
	x := &api.Explanation{
		Rule: RuleOf(g, r), Expr: r.Rule.ExprText, For: r.Rule.For.Seconds(), KeepFiringFor: r.Rule.KeepFiringFor.Seconds(),
		Interval: g.Interval.Seconds(), QueryOffset: in.Offset.Seconds(), Labels: r.Rule.Labels.Map(), Annotations: r.Rule.Annotations.Map(),
		State: r.State.String(), Health: string(r.Health), LastError: r.LastError, LastEvaluation: api.Instant(r.LastEvaluation),
		EvaluationTime: r.EvaluationTime.Seconds(), HeldBack: r.HeldBack,
		Selectors: []api.Selector{}, Comparisons: []api.Comparison{}, Alerts: []api.Alert{}, Holds: []api.Hold{},
		Evaluations: []api.Evaluation{},
	}
	switch {
	case r.LastEvaluation.IsZero():
		x.State = "unknown"
	case r.Rule.Alert == "":
		x.State = "recording"
	}
	for _, ev := range in.Evaluations {
		by := "promql"
		if ev.Planned {
			by = "plan"
		}
		x.Evaluations = append([]api.Evaluation{{At: ev.At, Took: ev.Took.Seconds(), Series: ev.Series, By: by, Error: ev.Error}}, x.Evaluations...)
		x.EvaluatedBy = by
	}
	return x
}

// RuleOf names a rule of a snapshot.
func RuleOf(g *engine.GroupStatus, r *engine.RuleStatus) api.Rule {
	kind := "alerting"
	if r.Rule.Alert == "" {
		kind = "recording"
	}
	return api.Rule{Name: r.Rule.Name(), Type: kind, Group: g.Name, File: g.File, Line: r.Rule.Pos.Line}
}

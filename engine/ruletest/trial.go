package ruletest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/rules"
)

// trial is one run of one test: an engine of its own on a storage of its own.
type trial struct {
	file   *File
	test   *Test
	engine *engine.Engine
	feed   *feed
	out    *TestResult
}

func (f *File) run(ctx context.Context, t *Test, groups []rules.Group, opts Options) (out TestResult) {
	begin := time.Now()
	out.Title = t.Title
	defer func() { out.Took = time.Since(begin) }()
	failed := func(err error) {
		out.Failures = append(out.Failures, Failure{File: f.Path, Pos: t.Pos, Test: t.Title, Err: err})
	}
	if err := possible(t, f.EvaluationInterval, groups); err != nil {
		failed(err)
		return out
	}
	store, remove, err := opts.NewStorage()
	if err != nil {
		failed(fmt.Errorf("make storage: %w", err))
		return out
	}
	defer func() {
		if err := remove(); err != nil {
			failed(fmt.Errorf("remove storage: %w", err))
		}
	}()
	to := newMeter(store)
	x := &trial{
		file: f, test: t, out: &out,
		feed: newFeed(t, to),
		engine: engine.New(engine.Options{
			Queryable: store, Appendable: to, Interval: f.EvaluationInterval,
			// The verdict must not depend on how fast the machine is.
			RuleTimeout:    engine.QueryTimeout,
			ExternalLabels: t.ExternalLabels, ExternalURL: t.ExternalURL,
		}),
	}
	x.engine.Load(groups, true)
	if x.evaluate(ctx) {
		for _, e := range t.Exprs {
			x.checkExpr(ctx, e)
		}
	}
	if opts.Dump {
		out.Dump = x.dump(ctx)
	}
	return out
}

// The times that PromQL can evaluate.
var earliest, latest = time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64)

// possible is an error for a test that PromQL cannot evaluate, or not in our
// lifetime.
func possible(t *Test, interval time.Duration, groups []rules.Group) error {
	if t.Start.Before(earliest) || t.Start.Add(t.length()).After(latest) {
		return fmt.Errorf("from %s to %s later: PromQL evaluates nothing before 1677-09-22 or after 2262-04-11",
			t.Start.Format(time.RFC3339), model.Duration(t.length()))
	}
	n := int64(1)
	for _, g := range groups {
		n += int64(len(g.Rules))
	}
	if steps := int64(t.length()/interval) + 1; steps > maxEvaluations/n {
		return fmt.Errorf("an eval_time of %s at an evaluation_interval of %s is more than the limit of %d evaluations of rules: use a longer evaluation_interval or an earlier eval_time",
			model.Duration(t.length()), model.Duration(interval), maxEvaluations)
	}
	return nil
}

// evaluate stores input and evaluates rules, step by step until the last thing
// that is expected, and checks alerts on the way. It is false when it had to
// stop. Input after the last step is never stored.
func (x *trial) evaluate(ctx context.Context) bool {
	due := slices.Clone(x.test.Alerts)
	slices.SortStableFunc(due, func(a, b AlertTest) int { return cmp.Compare(a.EvalTime, b.EvalTime) })
	interval, length := x.file.EvaluationInterval, x.test.length()
	for since := time.Duration(0); ; since += interval {
		at := x.test.Start.Add(since)
		if err := x.feed.until(ctx, at); err != nil {
			x.fail(Failure{Pos: x.test.Pos, EvalTime: since, Err: err})
			return false
		}
		x.engine.Step(ctx, engine.Tick{At: at, Up: true})
		status := x.engine.Snapshot()
		if !x.healthy(ctx, status, since) {
			return false
		}
		// Alerts stay as they are until the next step.
		for len(due) > 0 && due[0].EvalTime-since < interval {
			x.checkAlert(status, due[0])
			due = due[1:]
		}
		if length-since < interval {
			return true
		}
	}
}

// healthy reports rules that failed in the last step.
func (x *trial) healthy(ctx context.Context, status *engine.Snapshot, since time.Duration) bool {
	ok := true
	if err := ctx.Err(); err != nil {
		x.fail(Failure{Pos: x.test.Pos, EvalTime: since, Err: errors.New("interrupted")})
		return false
	}
	for _, g := range status.Groups {
		for _, r := range g.Rules {
			if r.LastError != "" {
				ok = false
				x.fail(Failure{
					File: g.File, Pos: r.Rule.Pos, EvalTime: since,
					What: fmt.Sprintf("group %q, rule %q", g.Name, r.Rule.Name()), Err: errors.New(r.LastError),
				})
			}
		}
	}
	return ok
}

func (x *trial) fail(f Failure) {
	f.Test = x.test.Title
	if f.File == "" {
		f.File = x.file.Path
	}
	x.out.Failures = append(x.out.Failures, f)
}

// checkAlert compares the alerts of one name, of whatever rules.
func (x *trial) checkAlert(status *engine.Snapshot, want AlertTest) {
	var got []Firing
	pending := 0
	for _, g := range status.Groups {
		for _, r := range g.Rules {
			for _, a := range r.Alerts {
				switch {
				case r.Rule.Alert != want.AlertName:
				case a.State == alert.Firing:
					got = append(got, Firing{a.Labels, a.Annotations})
				case a.State == alert.Pending:
					pending++
				}
			}
		}
	}
	wanted := slices.Clone(want.Want)
	slices.SortStableFunc(wanted, compareFiring)
	slices.SortStableFunc(got, compareFiring)
	if slices.EqualFunc(wanted, got, func(a, b Firing) bool { return compareFiring(a, b) == 0 }) {
		return
	}
	f := Failure{Pos: want.Pos, EvalTime: want.EvalTime, What: "alertname " + want.AlertName}
	f.Want, f.Got = showFiring(wanted), showFiring(got)
	if pending > 0 {
		f.Note = fmt.Sprintf("%d pending", pending)
	}
	x.fail(f)
}

func compareFiring(a, b Firing) int {
	return cmp.Or(labels.Compare(a.Labels, b.Labels), labels.Compare(a.Annotations, b.Annotations))
}

// checkExpr compares the result of one expression.
func (x *trial) checkExpr(ctx context.Context, want ExprTest) {
	f := Failure{Pos: want.Pos, EvalTime: want.EvalTime, What: "expr `" + strings.Join(strings.Fields(want.Expr), " ") + "`"}
	v, _, err := x.engine.Query(ctx, want.Expr, x.test.Start.Add(want.EvalTime))
	var got []Sample
	switch v := v.(type) {
	case promql.Vector:
		for _, s := range v {
			got = append(got, Sample{Labels: s.Metric, Value: s.F, Histogram: notation(s.H)})
		}
	case promql.Scalar:
		got = []Sample{{Labels: labels.EmptyLabels(), Value: v.V}}
	default:
		if err == nil {
			err = errors.New("the expression gives neither a vector nor a scalar")
		}
	}
	if err != nil {
		f.Err = err
		x.fail(f)
		return
	}
	wanted := slices.Clone(want.Want)
	byLabels := func(a, b Sample) int { return labels.Compare(a.Labels, b.Labels) }
	slices.SortStableFunc(wanted, byLabels)
	slices.SortStableFunc(got, byLabels)
	if slices.EqualFunc(wanted, got, func(a, b Sample) bool {
		return labels.Equal(a.Labels, b.Labels) && a.Histogram == b.Histogram && equalValues(a.Value, b.Value, x.file.FuzzyCompare)
	}) {
		return
	}
	f.Want, f.Got = showSamples(wanted), showSamples(got)
	if slices.Equal(f.Want, f.Got) {
		f.Note = "NaN equals nothing, as in promtool: expect 1 of `x != bool x`"
	}
	x.fail(f)
}

// dump shows all samples of the test.
func (x *trial) dump(ctx context.Context) string {
	// A range leaves out its left end, where the first samples are.
	expr := fmt.Sprintf(`{__name__=~".+"}[%s]`, model.Duration(x.test.length()+time.Second))
	v, _, err := x.engine.Query(ctx, expr, x.test.Start.Add(x.test.length()))
	if err != nil {
		return "cannot be shown: " + err.Error()
	}
	return v.String()
}

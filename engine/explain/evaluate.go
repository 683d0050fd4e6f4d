package explain

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/engine"
)

// evaluator evaluates the parts of one expression, as long as the limits allow.
type evaluator struct {
	ctx     context.Context
	opts    *Options
	rule    *engine.RuleStatus
	insight *engine.Insight
	text    string // the expression

	asked   map[question]*answer
	nodes   int
	samples int64
	stopped string // why nothing more is evaluated; empty if it is

	selectors   []api.Selector
	comparisons []api.Comparison
}

// question is an expression at a moment, in milliseconds: equal ones are asked once.
type question struct {
	expr string
	at   int64
}

// answer is what a question gave.
type answer struct {
	value    parser.Value // nil if there is none
	took     time.Duration
	warnings []string
	err      error
	skipped  string
}

func (a *answer) vector() (promql.Vector, bool) {
	vec, ok := a.value.(promql.Vector)
	return vec, ok
}

// stop ends all further evaluations, for the first of reasons.
func (e *evaluator) stop(why string) {
	if e.stopped == "" {
		e.stopped = why
	}
}

// ask evaluates an expression that gives a vector or a scalar.
func (e *evaluator) ask(expr string, at time.Time) *answer {
	q := question{expr, at.UnixMilli()}
	if a := e.asked[q]; a != nil {
		return a
	}
	if e.stopped != "" {
		return &answer{skipped: e.stopped}
	}
	start := time.Now()
	res, err := e.opts.Query(e.ctx, engine.Query{Expr: expr, Start: at, End: at})
	a := &answer{value: res.Value, err: err, took: time.Since(start)}
	if e.ctx.Err() != nil {
		e.stop("the parts together take longer than " + api.SpanText(e.opts.Timeout) + ", to spare the host no more of them are evaluated")
		a = &answer{skipped: e.stopped}
	}
	warnings, infos := res.Notes.AsStrings(expr, maxNotes, maxNotes)
	a.warnings = slices.Concat(warnings, infos)
	if res.Stats != nil {
		e.samples += res.Stats.Builtin().Samples.TotalQueryableSamples
	}
	switch {
	case a.took > maxTook:
		e.stop("one part took " + api.SpanText(a.took) + ", to spare the host no more of them are evaluated")
	case e.samples > maxSamples:
		e.stop(fmt.Sprintf("the parts have read %d samples, to spare the host no more of them are evaluated", e.samples))
	}
	e.asked[q] = a
	return a
}

// maxNotes bounds the warnings of one part, maxText a text that comes from outside.
const (
	maxNotes = 5
	maxText  = 1000
)

// fill enters an answer into a part.
func (p *part) fill(a *answer, shown int) {
	p.node.Took, p.node.Warnings, p.node.Skipped = a.took.Seconds(), a.warnings, a.skipped
	if a.err != nil && a.skipped == "" {
		p.node.Error = cut(a.err.Error())
		return
	}
	switch v := a.value.(type) {
	case promql.Vector:
		p.known, p.vec = true, v
		p.node.Total, p.node.Series = len(v), listSeries(v, shown)
	case promql.Scalar:
		p.known, p.scalar = true, &v.V
		value := api.Value(v.V)
		p.node.Value = &value
	case nil:
	default:
		p.node.Error = "gives a " + string(a.value.Type())
	}
}

// listSeries are the first series of a vector, by their labels.
func listSeries(v promql.Vector, shown int) []api.Series {
	v = slices.Clone(v)
	slices.SortFunc(v, func(a, b promql.Sample) int { return labels.Compare(a.Metric, b.Metric) })
	out := make([]api.Series, 0, min(len(v), shown))
	for _, s := range v[:min(len(v), shown)] {
		one := api.Series{Labels: labelMap(s.Metric), Value: api.Value(s.F)}
		if s.H != nil {
			one.Histogram = cut(s.H.String())
		}
		out = append(out, one)
	}
	return out
}

func labelMap(ls labels.Labels) map[string]string {
	m := make(map[string]string, ls.Len())
	ls.Range(func(l labels.Label) { m[l.Name] = cut(l.Value) })
	return m
}

// cut bounds a text that somebody else has written.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for end > 0 && s[end]&0xc0 == 0x80 { // within a character
		end--
	}
	return s[:end] + "…"
}

package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/prometheus/prometheus/util/strutil"

	"github.com/tocsin/tocsin/engine"
)

func TestGraphResults(t *testing.T) {
	var notes annotations.Annotations
	notes.Add(fmt.Errorf("%w: odd", annotations.PromQLWarning))
	long := promql.Series{Metric: labels.FromStrings("a", "long")}
	for i := range 25 {
		long.Floats = append(long.Floats, promql.FPoint{T: now.UnixMilli() + int64(i)*1000, F: float64(i)})
	}
	for name, tt := range map[string]struct {
		value parser.Value
		want  []string
	}{
		"vector": {
			promql.Vector{{F: 0.25, Metric: labels.FromStrings("__name__", "up", "job", "<docker>")}, {F: 1e-7}},
			[]string{"Result <span class=\"count\">2</span>", "up<ul", `<span class="key">job</span>&lt;docker&gt;`, "0.25", "{}", "0.0000001", "odd"},
		},
		"histogram": {promql.Vector{{H: &histogram.FloatHistogram{Count: 3}}}, []string{"{count:3, sum:0}"}},
		"matrix":    {promql.Matrix{long}, []string{"5 earlier", "24 <time", "2026-11-22 03:13:04"}},
		"scalar":    {promql.Scalar{V: 42}, []string{"scalar", "42"}},
		"string":    {promql.String{V: hostile}, []string{"string", "&lt;script&gt;"}},
		"empty":     {promql.Vector{}, []string{"no series matches it"}},
	} {
		t.Run(name, func(t *testing.T) {
			page := body(t, newHandler(t, Options{Query: answer(tt.value, notes)}), "/graph?g0.expr=x&g0.tab=1", http.StatusOK)
			contains(t, page, tt.want...)
		})
	}
}

func TestGraphShowsAFewOfMany(t *testing.T) {
	many := make(promql.Vector, 1234)
	page := body(t, newHandler(t, Options{Query: answer(many, nil)}), "/graph?g0.expr=x", http.StatusOK)
	contains(t, page, "<span class=\"count\">1234</span>", "1034 more are not shown here")
}

func TestGraphErrors(t *testing.T) {
	query := func(_ context.Context, q engine.Query) (engine.Result, error) {
		if _, err := parser.NewParser(parser.Options{}).ParseExpr(q.Expr); err != nil {
			return engine.Result{}, engine.InvalidQueryError{Err: err}
		}
		return engine.Result{}, errors.New("<b>no</b> luck with http://u:p@host/")
	}
	h := newHandler(t, Options{Query: query})
	for expr, marked := range map[string]string{
		"rate(foo) > <x>": "rate(foo) &gt; <mark>&lt;</mark>x&gt;",
		"sum(rate(foo))":  "sum(rate(<mark>foo</mark>))",
		"up)":             "up)<mark> </mark>", // the parser's position is behind the parenthesis
		"sum(":            "sum(<mark> </mark>",
	} {
		contains(t, body(t, h, "/graph?g0.expr="+url.QueryEscape(expr), http.StatusBadRequest),
			"The expression is not valid", "parse error", "<pre><code>"+marked+"</code></pre>")
	}
	if page := body(t, h, "/graph?g0.expr=%20", http.StatusBadRequest); !strings.Contains(page, "no expression found") {
		t.Errorf("blank expression:\n%s", page)
	}
	contains(t, body(t, h, "/graph?g0.expr=up", http.StatusUnprocessableEntity),
		"The query failed", "&lt;b&gt;no&lt;/b&gt; luck with http://u:xxxxx@host/")
	contains(t, body(t, h, "/graph?g0.expr=up&g0.moment_input=soon", http.StatusBadRequest),
		"The time cannot be read", "soon")
	closed := newHandler(t, Options{Query: failing(ErrUnavailable)})
	contains(t, body(t, closed, "/graph?g0.expr=up", http.StatusServiceUnavailable), "There is no storage to query")
	if page := body(t, h, "/graph", http.StatusOK); strings.Contains(page, "Result") {
		t.Error("an empty form has a result")
	}
}

// The links in alerts are made by the library that Prometheus itself uses.
func TestGraphTakesGeneratorURLs(t *testing.T) {
	const expr = "sum by (job) (rate(x{a=\"b&c+d\"}[5m])) > 0\n# why: 100%"
	var got string
	var at time.Time
	h := newHandler(t, Options{Query: func(_ context.Context, q engine.Query) (engine.Result, error) {
		got, at = q.Expr, q.Start
		return engine.Result{Value: promql.Vector{}}, nil
	}})
	body(t, h, strutil.TableLinkForExpression(expr), http.StatusOK)
	if got != expr || !at.Equal(now) {
		t.Errorf("evaluated %q at %v", got, at)
	}
	body(t, h, "/"+graphLink(expr, ago(time.Hour)), http.StatusOK)
	if got != expr || !at.Equal(ago(time.Hour)) {
		t.Errorf("evaluated %q at %v", got, at)
	}
}

package web

import (
	"encoding/json"
	"net/url"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
)

// chartView is what the script draws: an expression over the last hour, of the
// series that has the alert's labels.
type chartView struct {
	Expr string
	// Labels, as JSON, are those of the alert; series that contradict them are not
	// its own.
	Labels string
	// Threshold is what the expression is compared with; empty if that is no number.
	Threshold string
}

func newRuleChart(r *engine.RuleStatus) chartView {
	c := chartView{Expr: r.Rule.ExprText}
	if r.Rule.Expr != nil {
		measured, threshold, ok := measure(r.Rule.Expr)
		c.Expr = measured.String()
		if ok {
			c.Threshold = strconv.FormatFloat(threshold, 'f', -1, 64)
		}
	}
	return c
}

func newChartView(r *engine.RuleStatus, a *alert.Alert) chartView {
	c := newRuleChart(r)
	known := map[string]string{}
	a.Labels.Range(func(l labels.Label) {
		if len(l.Value) <= maxText { // a page is bounded; other labels tell series apart too
			known[l.Name] = l.Value
		}
	})
	b, err := json.Marshal(known)
	if err != nil {
		panic(err) // labels are strings
	}
	c.Labels = string(b)
	return c
}

// measure is what an expression compares with a number, which is there also while
// the comparison does not hold; the whole of one that does no such thing.
func measure(e parser.Expr) (measured parser.Expr, threshold float64, ok bool) {
	switch x := e.(type) {
	case *parser.ParenExpr:
		return measure(x.Expr)
	case *parser.BinaryExpr:
		switch {
		case x.Op == parser.LAND || x.Op == parser.LUNLESS:
			return measure(x.LHS)
		case x.Op.IsComparisonOperator() && !x.ReturnBool:
			if f, ok := constant(x.RHS); ok {
				return x.LHS, f, true
			}
			if f, ok := constant(x.LHS); ok {
				return x.RHS, f, true
			}
		}
	}
	return e, 0, false
}

// constant is the value of a number as it is written.
func constant(e parser.Expr) (float64, bool) {
	switch x := e.(type) {
	case *parser.NumberLiteral:
		return x.Val, true
	case *parser.ParenExpr:
		return constant(x.Expr)
	case *parser.UnaryExpr:
		f, ok := constant(x.Expr)
		if x.Op == parser.SUB {
			f = -f
		}
		return f, ok
	}
	return 0, false
}

// whyLink is the page that explains a rule. Only where its group has another of the
// name the line tells them apart: it changes with each edit above it.
func whyLink(g *engine.GroupStatus, r *engine.RuleStatus) string {
	v, named := url.Values{"rule": {r.Rule.Name()}, "group": {g.Name}, "file": {g.File}}, 0
	for i := range g.Rules {
		if g.Rules[i].Rule.Name() == r.Rule.Name() {
			named++
		}
	}
	if named > 1 {
		v.Set("line", strconv.Itoa(r.Rule.Pos.Line))
	}
	return "rule?" + v.Encode()
}

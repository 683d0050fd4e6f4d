package lint

import (
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

// condition reports alerts on series that are always there, without a comparison
// that would drop them.
func (p *pass) condition() {
	if p.rule.Alert == "" || p.rule.Expr.Type() != parser.ValueTypeVector || p.filters(p.rule.Expr) {
		return
	}
	var boolean *parser.BinaryExpr
	p.inspect(func(n parser.Node) {
		if b, ok := n.(*parser.BinaryExpr); ok && b.ReturnBool {
			boolean = b
		}
	})
	if boolean != nil {
		p.reportAt(NoCondition, p.rule.Expr,
			`"bool" turns the comparison into 0 or 1, and the alert fires for both`, `remove "bool"`)
		return
	}
	p.reportAt(NoCondition, p.rule.Expr,
		"this has no condition: the alert fires as long as the series is there, whatever its value is",
		`compare it with a threshold, such as "> 0"`)
}

// filters tells whether e can be empty while its series are there. In doubt it
// can: series that are there only when something is wrong are a usual thing.
func (p *pass) filters(e parser.Expr) bool {
	switch x := unwrap(e).(type) {
	case *parser.BinaryExpr:
		switch {
		case x.Op == parser.LAND, x.Op == parser.LUNLESS, x.Op.IsComparisonOperator() && !x.ReturnBool:
			return true
		case x.Op == parser.LOR:
			return p.filters(x.LHS) && p.filters(x.RHS)
		}
		return p.varies(x.LHS) && p.filters(x.LHS) || p.varies(x.RHS) && p.filters(x.RHS)
	case *parser.Call:
		if isAbsent(x) || x.Func.Name == "vector" {
			return true
		}
		for _, arg := range x.Args {
			if p.varies(arg) {
				return p.filters(arg)
			}
		}
		return true
	case *parser.AggregateExpr:
		return p.filters(x.Expr)
	case *parser.UnaryExpr:
		return p.filters(x.Expr)
	case *parser.SubqueryExpr:
		return p.filters(x.Expr)
	case *parser.MatrixSelector:
		return p.filters(x.VectorSelector)
	case *parser.VectorSelector:
		return !p.alwaysThere(metricName(x))
	}
	return true
}

// varies tells whether e has series, and is no number or text.
func (p *pass) varies(e parser.Expr) bool {
	return e.Type() == parser.ValueTypeVector || e.Type() == parser.ValueTypeMatrix
}

// alwaysThere tells whether a metric is known to be there in good times too.
func (p *pass) alwaysThere(name string) bool {
	if p.recorded[name] {
		return false
	}
	if _, ok := lookup(name); ok || name == "up" {
		return true
	}
	return strings.HasPrefix(name, "process_") || strings.HasPrefix(name, "go_")
}

package lint

import (
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

// condition reports alerts on series that are always there, without a comparison
// that would drop them.
func (p *pass) condition() {
	if p.rule.Alert == "" || p.presence(p.rule.Expr) != always || p.rule.Expr.Type() != parser.ValueTypeVector {
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

// presence is when an expression gives something.
type presence int

const (
	number    presence = iota // it has no series, and always gives something
	always                    // while its series are there
	sometimes                 // when its series meet a condition
)

// presence tells when e gives something. In doubt that is sometimes: series that
// are there only when something is wrong are a usual thing.
func (p *pass) presence(e parser.Expr) presence {
	switch x := unwrap(e).(type) {
	case *parser.NumberLiteral, *parser.StringLiteral:
		return number
	case *parser.BinaryExpr:
		return combined(x, p.presence(x.LHS), p.presence(x.RHS))
	case *parser.Call:
		return p.ofCall(x)
	case *parser.AggregateExpr:
		return p.presence(x.Expr)
	case *parser.UnaryExpr:
		return p.presence(x.Expr)
	case *parser.SubqueryExpr:
		return p.presence(x.Expr)
	case *parser.MatrixSelector:
		return p.presence(x.VectorSelector)
	case *parser.VectorSelector:
		if p.alwaysThere(metricName(x)) {
			return always
		}
	}
	return sometimes
}

// combined is the presence of an operation on two sides.
func combined(x *parser.BinaryExpr, l, r presence) presence {
	switch {
	case l == number && r == number:
		return number
	case x.Op == parser.LAND, x.Op == parser.LUNLESS, x.Op.IsComparisonOperator() && !x.ReturnBool:
		return sometimes
	case x.Op == parser.LOR:
		return min(l, r)
	}
	return max(l, r)
}

func (p *pass) ofCall(x *parser.Call) presence {
	switch {
	case isAbsent(x), x.Func.Name == "vector":
		return sometimes
	case x.Func.ReturnType == parser.ValueTypeScalar:
		return number
	}
	most := number
	for _, arg := range x.Args {
		most = max(most, p.presence(arg))
	}
	if most == number {
		return sometimes // the hour and its like
	}
	return most
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

package lint

import (
	"github.com/prometheus/prometheus/promql/parser"
)

// inspect calls f for each node of the rule's expression.
func (p *pass) inspect(f func(parser.Node)) {
	parser.Inspect(p.rule.Expr, func(n parser.Node, _ []parser.Node) error {
		if n != nil {
			f(n)
		}
		return nil
	})
}

// reportAt adds a finding where a part of the expression begins.
func (p *pass) reportAt(lint string, at parser.Node, msg, hint string) {
	p.report(lint, "expr", int(at.PositionRange().Start), msg, hint)
}

// argument is an argument of a call without the parentheses around it, or nil.
func argument(call *parser.Call, i int) parser.Expr {
	if i >= len(call.Args) {
		return nil
	}
	return unwrap(call.Args[i])
}

// unwrap takes parentheses off.
func unwrap(e parser.Expr) parser.Expr {
	for {
		switch x := e.(type) {
		case *parser.ParenExpr:
			e = x.Expr
		case *parser.StepInvariantExpr:
			e = x.Expr
		default:
			return e
		}
	}
}

// constant is the value of an expression of a few numbers.
func constant(e parser.Expr) (float64, bool) { return folded(e, 10) }

// folded is constant for an expression that is no deeper than that: longer ones
// are not worth the time, for they are looked at again and again.
func folded(e parser.Expr, depth int) (float64, bool) {
	if depth == 0 {
		return 0, false
	}
	switch x := unwrap(e).(type) {
	case *parser.NumberLiteral:
		return x.Val, true
	case *parser.UnaryExpr:
		v, ok := folded(x.Expr, depth-1)
		if x.Op == parser.SUB {
			v = -v
		}
		return v, ok
	case *parser.BinaryExpr:
		r, okR := folded(x.RHS, depth-1)
		if !okR {
			return 0, false
		}
		l, okL := folded(x.LHS, depth-1)
		if !okL {
			return 0, false
		}
		switch x.Op {
		case parser.ADD:
			return l + r, true
		case parser.SUB:
			return l - r, true
		case parser.MUL:
			return l * r, true
		case parser.DIV:
			return l / r, true
		}
	}
	return 0, false
}

package explain

import (
	"fmt"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/api"
)

// part is one node of an expression with all that it gave, of which api.Node shows
// the first.
type part struct {
	expr parser.Expr
	node api.Node
	// known: it was evaluated, to vec or to scalar.
	known  bool
	vec    promql.Vector
	scalar *float64
	parts  []*part
	// selector and comparison are what was found out of one.
	selector   *api.Selector
	comparison *api.Comparison
}

func (p *part) isScalar() bool { return p.node.Type == string(parser.ValueTypeScalar) }

// takeApart evaluates an expression at a moment, and then what it is made of: should
// time run out, the whole is known before its parts.
func (e *evaluator) takeApart(expr parser.Expr, role string, at time.Time) *part {
	expr = bare(expr)
	p := &part{expr: expr, node: api.Node{Place: e.place(expr), Role: role, Type: string(expr.Type())}}
	if e.nodes++; e.nodes > maxNodes {
		e.stop(fmt.Sprintf("the expression has more than %d parts, the others are not evaluated", maxNodes))
		p.node.Kind, p.node.Skipped = "expression", e.stopped
		return p
	}
	switch n := expr.(type) {
	case *parser.NumberLiteral:
		v := api.Value(n.Val)
		p.node.Kind, p.node.Value, p.scalar, p.known = "number", &v, &n.Val, true
	case *parser.StringLiteral:
		p.node.Kind = "string"
	case *parser.VectorSelector:
		p.node.Kind = "selector"
		e.evaluate(p, at)
		e.selected(p, n, at)
	case *parser.MatrixSelector:
		p.node.Kind = "range selector"
		p.fill(e.ask("count_over_time("+n.String()+")", at), e.opts.Series)
		e.windowed(p, n, at)
	case *parser.SubqueryExpr:
		p.node.Kind = "subquery"
		e.add(p, n.Expr, "inner", moved(n, at))
	case *parser.Call:
		p.node.Kind, p.node.Operator = "function", n.Func.Name
		e.evaluate(p, at)
		for _, arg := range n.Args {
			e.add(p, arg, "argument", at)
		}
	case *parser.AggregateExpr:
		p.node.Kind, p.node.Operator = "aggregation", n.Op.String()
		e.evaluate(p, at)
		e.add(p, n.Expr, "inner", at)
		if n.Param != nil {
			e.add(p, n.Param, "parameter", at)
		}
	case *parser.UnaryExpr:
		p.node.Kind, p.node.Operator = "sign", n.Op.String()
		e.evaluate(p, at)
		e.add(p, n.Expr, "inner", at)
	case *parser.BinaryExpr:
		p.node.Kind, p.node.Operator = kindOf(n.Op), n.Op.String()
		e.evaluate(p, at)
		e.add(p, n.LHS, "left", at)
		e.add(p, n.RHS, "right", at)
		e.compared(p, n)
	}
	return p
}

func (e *evaluator) evaluate(p *part, at time.Time) {
	p.fill(e.ask(p.expr.String(), at), e.opts.Series)
}

func (e *evaluator) add(p *part, expr parser.Expr, role string, at time.Time) {
	child := e.takeApart(expr, role, at)
	p.parts = append(p.parts, child)
	p.node.Nodes = append(p.node.Nodes, child.node)
}

// bare is an expression without parentheses around it.
func bare(expr parser.Expr) parser.Expr {
	for {
		p, ok := expr.(*parser.ParenExpr)
		if !ok {
			return expr
		}
		expr = p.Expr
	}
}

func kindOf(op parser.ItemType) string {
	switch {
	case op.IsComparisonOperator():
		return "comparison"
	case op.IsSetOperator():
		return "set operation"
	}
	return "arithmetic"
}

// moved is the moment at which a subquery looks at its expression last.
func moved(n *parser.SubqueryExpr, at time.Time) time.Time {
	if n.Timestamp != nil {
		at = time.UnixMilli(*n.Timestamp)
	}
	return at.Add(-n.OriginalOffset)
}

// place is where a part stands. A position that does not fit is a fault of the
// parser's; the text is what PromQL prints then.
func (e *evaluator) place(expr parser.Expr) api.Place {
	at := expr.PositionRange()
	start, end := int(at.Start), int(at.End)
	if start < 0 || end <= start || end > len(e.text) {
		return api.Place{Text: expr.String()}
	}
	return api.Place{Text: e.text[start:end], Start: start, End: end}
}

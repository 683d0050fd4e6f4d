package web

import (
	"fmt"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// tree is a node of an expression as the API shows it.
type tree map[string]any

// syntaxTree is an expression for clients that draw it. It panics on a kind of
// node that PromQL does not have today, which a test with all kinds would show.
func syntaxTree(node parser.Expr) any {
	switch n := node.(type) {
	case nil:
		return nil
	case *parser.AggregateExpr:
		return tree{
			"type": "aggregation", "op": n.Op.String(), "expr": syntaxTree(n.Expr), "param": syntaxTree(n.Param),
			"grouping": listed(n.Grouping), "without": n.Without,
		}
	case *parser.BinaryExpr:
		return tree{
			"type": "binaryExpr", "op": n.Op.String(), "lhs": syntaxTree(n.LHS), "rhs": syntaxTree(n.RHS),
			"matching": matchingTree(n.VectorMatching), "bool": n.ReturnBool,
		}
	case *parser.Call:
		args := make([]any, len(n.Args))
		for i, a := range n.Args {
			args[i] = syntaxTree(a)
		}
		f := tree{"name": n.Func.Name, "argTypes": n.Func.ArgTypes, "variadic": n.Func.Variadic, "returnType": n.Func.ReturnType}
		return tree{"type": "call", "func": f, "args": args}
	case *parser.VectorSelector:
		return selectorTree(n, "vectorSelector")
	case *parser.MatrixSelector:
		vs, ok := n.VectorSelector.(*parser.VectorSelector)
		if !ok {
			panic(fmt.Sprintf("range of a %T", n.VectorSelector))
		}
		t := selectorTree(vs, "matrixSelector")
		t["range"], t["rangeExpr"] = n.Range.Milliseconds(), durationTree(n.RangeExpr)
		return t
	case *parser.SubqueryExpr:
		return tree{
			"type": "subquery", "expr": syntaxTree(n.Expr), "range": n.Range.Milliseconds(), "rangeExpr": durationTree(n.RangeExpr),
			"offset": n.OriginalOffset.Milliseconds(), "offsetExpr": durationTree(n.OriginalOffsetExpr),
			"step": n.Step.Milliseconds(), "stepExpr": durationTree(n.StepExpr),
			"timestamp": n.Timestamp, "startOrEnd": startOrEnd(n.StartOrEnd),
		}
	case *parser.DurationExpr:
		return durationTree(n)
	case *parser.NumberLiteral:
		return tree{"type": "numberLiteral", "val": number(n.Val)}
	case *parser.StringLiteral:
		return tree{"type": "stringLiteral", "val": n.Val}
	case *parser.ParenExpr:
		return tree{"type": "parenExpr", "expr": syntaxTree(n.Expr)}
	case *parser.UnaryExpr:
		return tree{"type": "unaryExpr", "op": n.Op.String(), "expr": syntaxTree(n.Expr)}
	}
	panic(fmt.Sprintf("expression of type %T", node))
}

func selectorTree(n *parser.VectorSelector, kind string) tree {
	matchers := make([]tree, len(n.LabelMatchers))
	for i, m := range n.LabelMatchers {
		matchers[i] = matcherTree(m)
	}
	return tree{
		"type": kind, "name": n.Name, "matchers": matchers,
		"offset": n.OriginalOffset.Milliseconds(), "offsetExpr": durationTree(n.OriginalOffsetExpr),
		"timestamp": n.Timestamp, "startOrEnd": startOrEnd(n.StartOrEnd),
		"anchored": n.Anchored, "smoothed": n.Smoothed,
	}
}

func matcherTree(m *labels.Matcher) tree {
	return tree{"name": m.Name, "value": m.Value, "type": m.Type.String()}
}

func matchingTree(m *parser.VectorMatching) any {
	if m == nil {
		return nil
	}
	return tree{
		"card": m.Card.String(), "labels": listed(m.MatchingLabels), "on": m.On, "include": listed(m.Include),
		"fillValues": map[string]*float64{"lhs": m.FillValues.LHS, "rhs": m.FillValues.RHS},
	}
}

// durationTree is a duration that is computed, such as [5m + 1m]. The parser
// leaves typed nils where there is none.
func durationTree(node parser.Expr) any {
	switch n := node.(type) {
	case *parser.DurationExpr:
		if n == nil {
			return nil
		}
		return tree{
			"type": "durationExpr", "op": n.Op.String(), "lhs": durationTree(n.LHS), "rhs": durationTree(n.RHS), "wrapped": n.Wrapped,
		}
	case *parser.NumberLiteral:
		if n == nil {
			return nil
		}
		return tree{"type": "numberLiteral", "val": strconv.FormatFloat(n.Val, 'f', -1, 64), "duration": n.Duration}
	}
	return syntaxTree(node)
}

func startOrEnd(item parser.ItemType) any {
	if item == 0 {
		return nil
	}
	return item.String()
}

// listed is never null in JSON.
func listed(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

package engine

import (
	"slices"

	"github.com/prometheus/prometheus/promql/parser"
)

// keeps are labels by which a result tells of which series it is: what bears another
// value of one of them would be the same without the series. It is all labels but
// some, or some alone.
type keeps struct {
	only  bool
	names []string
}

var keepsNothing = keeps{only: true}

func (k keeps) has(name string) bool { return slices.Contains(k.names, name) == k.only }

// butNot takes labels away.
func (k keeps) butNot(names ...string) keeps {
	out := keeps{only: k.only}
	if !k.only {
		out.names = slices.Clone(names)
	}
	for _, n := range k.names {
		if !slices.Contains(names, n) {
			out.names = append(out.names, n)
		}
	}
	return out
}

// noneBut takes all labels away but these.
func (k keeps) noneBut(names ...string) keeps {
	out := keepsNothing
	for _, n := range names {
		if k.has(n) && !slices.Contains(out.names, n) {
			out.names = append(out.names, n)
		}
	}
	return out
}

// both are the labels that are in one and in the other.
func (k keeps) both(o keeps) keeps {
	if o.only {
		return k.noneBut(o.names...)
	}
	return k.butNot(o.names...)
}

// keptFrom finds the labels that the result of an expression keeps of the series of
// one of its selectors; path is what lies over that, from the whole expression on.
func keptFrom(sel *parser.VectorSelector, path []parser.Node) keeps {
	k := keeps{}
	child := parser.Node(sel)
	for _, n := range slices.Backward(path) {
		k, child = k.through(n, child), n
	}
	return k
}

// through is what is left of the labels of a child after an operation over it.
func (k keeps) through(n, child parser.Node) keeps {
	switch n := n.(type) {
	case *parser.ParenExpr, *parser.UnaryExpr, *parser.MatrixSelector, *parser.SubqueryExpr, *parser.StepInvariantExpr:
		return k
	case *parser.AggregateExpr:
		return k.aggregated(n, child)
	case *parser.Call:
		return k.called(n, child)
	case *parser.BinaryExpr:
		return k.matched(n, child)
	}
	return keepsNothing
}

// aggregated: a group is of series that have its labels, whatever is found out of them.
// What is returned of a group, as topk does, depends on all of it.
func (k keeps) aggregated(n *parser.AggregateExpr, child parser.Node) keeps {
	if child != parser.Node(n.Expr) {
		return keepsNothing // a parameter is of all groups
	}
	if n.Op == parser.COUNT_VALUES {
		made, ok := n.Param.(*parser.StringLiteral)
		if !ok {
			return keepsNothing
		}
		k = k.butNot(made.Val)
	}
	if n.Without {
		return k.butNot(n.Grouping...)
	}
	return k.noneBut(n.Grouping...)
}

// elementwise are the functions that give a result for each series, with its labels.
var elementwise = []string{
	"abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "avg_over_time", "ceil", "changes", "clamp", "clamp_max",
	"clamp_min", "cos", "cosh", "count_over_time", "day_of_month", "day_of_week", "day_of_year", "days_in_month", "deg",
	"delta", "deriv", "double_exponential_smoothing", "exp", "first_over_time", "floor", "histogram_avg", "histogram_count",
	"histogram_fraction", "histogram_quantile", "histogram_stddev", "histogram_stdvar", "histogram_sum", "hour", "idelta",
	"increase", "irate", "label_join", "label_replace", "last_over_time", "ln", "log10", "log2", "mad_over_time",
	"max_over_time", "min_over_time", "minute", "month", "predict_linear", "present_over_time", "quantile_over_time",
	"rad", "rate", "resets", "round", "sgn", "sin", "sinh", "sort", "sort_by_label", "sort_by_label_desc", "sort_desc",
	"sqrt", "stddev_over_time", "stdvar_over_time", "sum_over_time", "tan", "tanh", "timestamp", "ts_of_first_over_time",
	"ts_of_last_over_time", "ts_of_max_over_time", "ts_of_min_over_time", "year",
}

func (k keeps) called(n *parser.Call, child parser.Node) keeps {
	e, ok := child.(parser.Expr)
	if !ok || e.Type() == parser.ValueTypeScalar || !slices.Contains(elementwise, n.Func.Name) {
		return keepsNothing
	}
	switch n.Func.Name {
	case "histogram_quantile", "histogram_fraction": // over series that differ in nothing else
		return k.butNot("le")
	case "label_replace", "label_join":
		made, ok := n.Args[1].(*parser.StringLiteral)
		if !ok {
			return keepsNothing
		}
		return k.butNot(made.Val)
	}
	return k
}

// matched: what two vectors are matched by, both sides have. Beside that, a result has
// the labels of the side that may be many.
func (k keeps) matched(n *parser.BinaryExpr, child parser.Node) keeps {
	m := n.VectorMatching
	if m == nil { // the other side is a scalar
		return k
	}
	key := k.butNot(m.MatchingLabels...)
	if m.On {
		key = k.noneBut(m.MatchingLabels...)
	}
	key = key.butNot(m.Include...)
	left := child == parser.Node(n.LHS)
	filled := m.FillValues.LHS != nil || m.FillValues.RHS != nil
	switch {
	case n.Op == parser.LAND || n.Op == parser.LUNLESS:
		if left {
			return k
		}
	case n.Op == parser.LOR:
		if !left { // what is left keeps what is right out
			return k
		}
	case m.Card == parser.CardManyToOne && left && !filled, m.Card == parser.CardOneToMany && !left && !filled:
		return k.butNot(m.Include...)
	}
	return key
}

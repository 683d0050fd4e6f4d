package plan

import (
	"slices"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// mappingFunction tells of the functions that give a float for each float of a
// vector, and drop the name.
func mappingFunction(name string) bool {
	return slices.Contains([]string{
		"abs", "ceil", "floor", "exp", "sqrt", "ln", "log2", "log10", "sgn", "round", "clamp", "clamp_max", "clamp_min",
		"sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "rad", "deg",
		"day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year",
	}, name)
}

// mapping is such a function.
type mapping struct {
	in      *node
	call    promql.FunctionCall
	args    parser.Expressions
	scalars []scalar // the arguments after the vector
	values  []promql.Vector
	helper  promql.EvalNodeHelper
	nameless
	distinct distinct
}

func (c *compiler) mapping(x *parser.Call) operator {
	n := &mapping{call: promql.FunctionCalls[x.Func.Name], args: x.Args, helper: promql.EvalNodeHelper{LookbackDelta: c.plan.opts.Lookback}}
	if len(x.Args) == 0 {
		return nil // hour() and the like: compiled as the function of vector(time())
	}
	if n.in = c.vector(x.Args[0]); n.in == nil {
		return nil
	}
	n.values = append(n.values, nil)
	for _, arg := range x.Args[1:] {
		s := c.scalarArg(arg)
		if s == nil {
			return nil
		}
		n.scalars = append(n.scalars, s)
		n.values = append(n.values, promql.Vector{{}})
	}
	return n
}

func (n *mapping) eval(t *turn, out *column) bool {
	in, ok := n.in.vector(t)
	if !ok {
		return false
	}
	weight := in.weight
	for i, s := range n.scalars {
		v, w, ok := s.scalar(t)
		if !ok {
			return false
		}
		n.values[i+1][0].F = v
		weight += w
	}
	out.reset(n.from(in.labels))
	out.weight = weight
	vec := n.values[0][:0]
	for _, v := range in.values {
		vec = append(vec, promql.Sample{T: t.at, F: v})
	}
	n.values[0] = vec
	n.helper.Ts, n.helper.Out = t.at, n.helper.Out[:0]
	result, _ := n.call(n.values, nil, n.args, &n.helper)
	n.helper.Out = result[:0]
	if len(result) == 0 { // clamp between limits that exclude each other
		return true
	}
	if len(result) != len(in.index) {
		return false
	}
	for k, i := range in.index {
		out.add(i, result[k].F)
	}
	return n.distinct.without(in.labels, out)
}

// moment is a function of the evaluation's time without an argument: hour().
type moment struct {
	call   promql.FunctionCall
	helper promql.EvalNodeHelper
	labels *universe
}

func (n *moment) eval(t *turn, out *column) bool {
	n.helper.Ts, n.helper.Out = t.at, n.helper.Out[:0]
	result, _ := n.call(nil, nil, nil, &n.helper)
	if len(result) != 1 {
		return false
	}
	out.reset(n.labels)
	out.add(0, result[0].F)
	return true
}

// constant is vector(): a scalar as an element without labels.
type constant struct {
	of     scalar
	labels *universe
}

func (n *constant) eval(t *turn, out *column) bool {
	v, weight, ok := n.of.scalar(t)
	out.reset(n.labels)
	out.weight = weight
	out.add(0, v)
	return ok
}

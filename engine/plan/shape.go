package plan

import (
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// sorted is sort() or sort_desc().
type sorted struct {
	in     *node
	call   promql.FunctionCall
	vector promql.Vector
}

func (n *sorted) eval(t *turn, out *column) bool {
	in, ok := n.in.vector(t)
	if !ok {
		return false
	}
	n.vector = n.vector[:0]
	for k, v := range in.values { // the place is where a time belongs, which nobody asks for
		n.vector = append(n.vector, promql.Sample{T: int64(in.index[k]), F: v})
	}
	result, _ := n.call([]promql.Vector{n.vector}, nil, nil, &promql.EvalNodeHelper{})
	out.reset(in.labels)
	out.weight = in.weight
	for _, s := range result {
		out.add(int32(s.T), s.F)
	}
	return len(result) == len(in.index)
}

// absence is absent() or absent_over_time().
type absence struct {
	in     *node
	labels *universe
}

func (c *compiler) absence(x *parser.Call, in *node) operator {
	if in == nil {
		return nil
	}
	arg := x.Args[0]
	for {
		p, ok := arg.(*parser.ParenExpr)
		if !ok {
			break
		}
		arg = p.Expr
	}
	vec, _ := promql.FunctionCalls["absent"]([]promql.Vector{nil}, nil, parser.Expressions{arg}, &promql.EvalNodeHelper{})
	if len(vec) != 1 {
		return nil
	}
	return &absence{in: in, labels: single(vec[0].Metric)}
}

func (n *absence) eval(t *turn, out *column) bool {
	in, ok := n.in.vector(t)
	if !ok {
		return false
	}
	out.reset(n.labels)
	out.weight = in.weight
	if len(in.index) == 0 {
		out.add(0, 1)
	}
	return true
}

// relabeling is label_replace() or label_join(): other labels for the same series.
type relabeling struct {
	in       *node
	relabel  func(labels.Labels) labels.Labels
	of, made *universe
	distinct distinct
}

func (n *relabeling) eval(t *turn, out *column) bool {
	in, ok := n.in.vector(t)
	if !ok {
		return false
	}
	if n.of != in.labels {
		n.of, n.made = in.labels, derived(in.labels, written, n.relabel)
	}
	out.reset(n.made)
	out.weight = in.weight
	for k, i := range in.index {
		out.add(i, in.values[k])
	}
	return n.distinct.in(out)
}

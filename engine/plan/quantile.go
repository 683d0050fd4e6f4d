package plan

import (
	"math"
	"strconv"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// quantileOf is the aggregation quantile.
type quantileOf struct {
	in     *node
	by     scalar
	groups *grouping
	marks  marks
	points [][]promql.FPoint // by group
	there  []int32

	call   promql.FunctionCall
	values []promql.Vector
	matrix promql.Matrix
	args   parser.Expressions
	helper promql.EvalNodeHelper
}

func newQuantileOf(in *node, by scalar, groups *grouping) operator {
	// promql's quantile is within reach as that over time.
	return &quantileOf{
		in: in, by: by, groups: groups, call: promql.FunctionCalls["quantile_over_time"],
		values: []promql.Vector{{{}}}, matrix: make(promql.Matrix, 1), args: parser.Expressions{&parser.NumberLiteral{}},
	}
}

func (n *quantileOf) eval(t *turn, out *column) bool {
	q, weight, ok := n.by.scalar(t)
	if !ok {
		return false
	}
	in, ok := n.in.vector(t)
	if !ok {
		return false
	}
	n.groups.update(in.labels)
	size := n.groups.labels.len()
	n.marks.next(size)
	if size > len(n.points) {
		n.points = append(n.points, make([][]promql.FPoint, size-len(n.points))...)
	}
	n.there = n.there[:0]
	for k, i := range in.index {
		g := n.groups.groups[i]
		if !n.marks.has(g) {
			n.marks.set(g)
			n.there = append(n.there, g)
			n.points[g] = n.points[g][:0]
		}
		n.points[g] = append(n.points[g], promql.FPoint{F: in.values[k]})
	}
	out.reset(n.groups.labels)
	out.weight = in.weight + weight
	n.values[0][0].F = q
	for _, g := range n.there {
		n.matrix[0].Floats = n.points[g]
		n.helper.Out = n.helper.Out[:0]
		vec, _ := n.call(n.values, n.matrix, n.args, &n.helper)
		if len(vec) != 1 {
			return false
		}
		n.helper.Out = vec[:0]
		out.add(g, vec[0].F)
	}
	return true
}

// buckets is histogram_quantile of classic histograms.
type buckets struct {
	by scalar
	in *node

	of       *universe
	labels   *universe // of the histograms
	groups   []int32   // by series: its histogram, or -1
	bounds   []float64 // by series
	byKey    map[string]int32
	marks    marks
	buckets  []promql.Buckets // by histogram
	there    []int32
	buf      []byte
	distinct distinct
}

func (c *compiler) quantile(x *parser.Call) operator {
	by, in := c.scalarArg(x.Args[0]), c.vector(x.Args[1])
	if by == nil || in == nil {
		return nil
	}
	return &buckets{by: by, in: in}
}

func (n *buckets) eval(t *turn, out *column) bool {
	q, weight, ok := n.by.scalar(t)
	if !ok {
		return false
	}
	in, ok := n.in.vector(t)
	if !ok {
		return false
	}
	n.update(in.labels)
	n.marks.next(n.labels.len())
	n.there = n.there[:0]
	for k, i := range in.index {
		h := n.groups[i]
		if h < 0 {
			continue
		}
		if !n.marks.has(h) {
			n.marks.set(h)
			n.there = append(n.there, h)
			n.buckets[h] = n.buckets[h][:0]
		}
		n.buckets[h] = append(n.buckets[h], promql.Bucket{UpperBound: n.bounds[i], Count: in.values[k]})
	}
	out.reset(n.labels)
	out.weight = in.weight + weight
	for _, h := range n.there {
		v, _, _, _, _, _ := promql.BucketQuantile(q, n.buckets[h])
		out.add(h, v)
	}
	return n.distinct.without(in.labels, out)
}

// update finds the histogram of each new series.
func (n *buckets) update(u *universe) {
	if n.of != u {
		n.of, n.labels, n.byKey = u, &universe{}, map[string]int32{}
		n.groups, n.bounds, n.buckets = nil, nil, nil
	}
	for i := len(n.groups); i < u.len(); i++ {
		ls := u.at(int32(i))
		bound, err := strconv.ParseFloat(ls.Get(model.BucketLabel), 64)
		if err != nil || math.IsNaN(bound) {
			n.groups, n.bounds = append(n.groups, -1), append(n.bounds, 0)
			continue
		}
		n.buf = ls.BytesWithoutLabels(n.buf, labels.BucketLabel)
		h, ok := n.byKey[string(n.buf)]
		if !ok {
			h = int32(n.labels.len())
			n.byKey[string(n.buf)] = h
			lb := labels.NewBuilder(ls)
			lb.Del(labels.BucketLabel)
			n.labels.add(dropMetadata(lb.Labels()))
			n.buckets = append(n.buckets, nil)
		}
		n.groups, n.bounds = append(n.groups, h), append(n.bounds, bound)
	}
}

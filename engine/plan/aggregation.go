package plan

import (
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/schema"
	"github.com/prometheus/prometheus/util/kahansum"
)

// aggregation compiles an aggregation; nil if it cannot.
func (c *compiler) aggregation(x *parser.AggregateExpr) operator {
	in := c.vector(x.Expr)
	if in == nil {
		return nil
	}
	groups := newGrouping(x)
	switch x.Op {
	case parser.SUM, parser.AVG, parser.MIN, parser.MAX, parser.COUNT, parser.GROUP:
		return &aggregation{op: x.Op, in: in, groups: groups}
	case parser.STDDEV, parser.STDVAR:
		if !rounds {
			return nil
		}
		return &aggregation{op: x.Op, in: in, groups: groups}
	case parser.QUANTILE:
		if by := c.scalarArg(x.Param); by != nil {
			return newQuantileOf(in, by, groups)
		}
	case parser.TOPK, parser.BOTTOMK:
		if by := c.scalarArg(x.Param); by != nil {
			return &extremes{in: in, count: by, groups: groups, lowest: x.Op == parser.BOTTOMK}
		}
	}
	return nil
}

// grouping puts series into groups, once for each of them.
type grouping struct {
	without bool
	names   []string
	of      *universe
	labels  *universe // of the groups
	groups  []int32   // by series
	byKey   map[uint64]int32
	buf     []byte
}

func newGrouping(x *parser.AggregateExpr) *grouping {
	g := &grouping{without: x.Without, names: slices.Clone(x.Grouping)}
	if g.without {
		g.names = append(g.names, metadataLabels()...)
	}
	slices.Sort(g.names)
	return g
}

func (g *grouping) update(u *universe) {
	if g.of != u {
		g.of, g.labels = u, &universe{}
		g.groups, g.byKey = nil, map[uint64]int32{}
	}
	for i := len(g.groups); i < u.len(); i++ {
		g.groups = append(g.groups, g.group(u.at(int32(i))))
	}
}

func (g *grouping) group(ls labels.Labels) int32 {
	var key uint64 // of all, if there is nothing to group by
	switch {
	case g.without:
		key, g.buf = ls.HashWithoutLabels(g.buf, g.names...)
	case len(g.names) > 0:
		key, g.buf = ls.HashForLabels(g.buf, g.names...)
	}
	i, ok := g.byKey[key]
	if !ok {
		i = int32(g.labels.len())
		g.byKey[key] = i
		g.labels.add(g.labelsOf(ls))
	}
	return i
}

func (g *grouping) labelsOf(ls labels.Labels) labels.Labels {
	lb := labels.NewBuilder(ls)
	switch {
	case g.without:
		lb.Del(g.names...)
		schema.Metadata{}.SetToLabels(lb)
		return lb.Labels()
	case len(g.names) > 0:
		lb.Keep(g.names...)
		return lb.Labels()
	default:
		return labels.EmptyLabels()
	}
}

// aggregation is one of the aggregations that go over a group once.
type aggregation struct {
	op     parser.ItemType
	in     *node
	groups *grouping
	marks  marks
	states []state // by group
	there  []int32 // the groups of this turn, in the order in which they were met
}

// state is that of one group. Sums are compensated as promql's.
type state struct{ value, mean, compensation, count float64 }

func (n *aggregation) eval(t *turn, out *column) bool {
	in, ok := n.in.vector(t)
	if !ok {
		return false
	}
	n.groups.update(in.labels)
	size := n.groups.labels.len()
	n.marks.next(size)
	if size > len(n.states) {
		n.states = append(n.states, make([]state, size-len(n.states))...)
	}
	n.there = n.there[:0]
	for k, i := range in.index {
		g, v := n.groups.groups[i], in.values[k]
		if !n.marks.has(g) {
			n.marks.set(g)
			n.there = append(n.there, g)
			n.states[g] = n.first(v)
			continue
		}
		if !n.next(&n.states[g], v) {
			return false
		}
	}
	out.reset(n.groups.labels)
	out.weight = in.weight
	for _, g := range n.there {
		out.add(g, n.result(&n.states[g]))
	}
	return true
}

func (n *aggregation) first(v float64) state {
	s := state{value: v, mean: v, count: 1}
	switch n.op {
	case parser.STDVAR, parser.STDDEV:
		s.value = 0
		if math.IsNaN(v) || math.IsInf(v, 0) {
			s.value = math.NaN()
		}
	case parser.GROUP:
		s.value = 1
	}
	return s
}

// next adds a value to a group; false where the engine computes in another way.
func (n *aggregation) next(s *state, v float64) bool {
	switch n.op {
	case parser.SUM:
		s.value, s.compensation = kahansum.Inc(v, s.value, s.compensation)
	case parser.AVG:
		s.count++
		s.value, s.compensation = kahansum.Inc(v, s.value, s.compensation)
		return !math.IsInf(s.value, 0)
	case parser.MAX:
		if s.value < v || math.IsNaN(s.value) {
			s.value = v
		}
	case parser.MIN:
		if s.value > v || math.IsNaN(s.value) {
			s.value = v
		}
	case parser.COUNT:
		s.count++
	case parser.STDVAR, parser.STDDEV:
		s.count++
		delta := v - s.mean
		s.mean += delta / s.count
		s.value += delta * (v - s.mean)
	}
	return true
}

func (n *aggregation) result(s *state) float64 {
	switch n.op {
	case parser.SUM:
		return s.value + s.compensation
	case parser.AVG:
		return s.value/s.count + s.compensation/s.count
	case parser.COUNT:
		return s.count
	case parser.STDVAR:
		return s.value / s.count
	case parser.STDDEV:
		return math.Sqrt(s.value / s.count)
	default:
		return s.value
	}
}

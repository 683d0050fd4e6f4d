package plan

import "github.com/prometheus/prometheus/promql/parser"

// arithmetic is a binary operator between a vector and a scalar, a comparison too.
type arithmetic struct {
	op         parser.ItemType
	in         *node
	by         scalar
	scalarLeft bool
	returnBool bool
	drops      bool // the name
	nameless
	distinct distinct
}

func (n *arithmetic) eval(t *turn, out *column) bool {
	in, ok := n.in.vector(t)
	if !ok {
		return false
	}
	by, weight, ok := n.by.scalar(t)
	if !ok {
		return false
	}
	labels := in.labels
	if n.drops {
		labels = n.from(labels)
	}
	out.reset(labels)
	out.weight = in.weight + weight
	compares := n.op.IsComparisonOperator()
	for k, i := range in.index {
		l, r := in.values[k], by
		if n.scalarLeft {
			l, r = r, l
		}
		v, keep := operate(n.op, l, r)
		switch {
		case n.returnBool:
			v, keep = toFloat(keep), true
		case compares:
			v = in.values[k] // that of the vector, on whichever side it stands
		}
		if keep {
			out.add(i, v)
		}
	}
	return !n.drops || n.distinct.without(in.labels, out)
}

// negation is the unary minus.
type negation struct {
	in *node
	nameless
	distinct distinct
}

func (n *negation) eval(t *turn, out *column) bool {
	in, ok := n.in.vector(t)
	if !ok {
		return false
	}
	out.reset(n.from(in.labels))
	out.weight = in.weight
	for k, i := range in.index {
		out.add(i, -in.values[k])
	}
	return n.distinct.without(in.labels, out)
}

package plan

import "github.com/prometheus/prometheus/promql/parser"

// setOperation is and, or, unless.
type setOperation struct {
	op          parser.ItemType
	left, right *node
	signatures  *signatures
	marks       marks

	// both sides of an or, and the places of their series in it
	labels *universe
	places [2][]int32
}

func (n *setOperation) eval(t *turn, out *column) bool {
	l, lok := n.left.vector(t)
	if !lok {
		return false
	}
	r, rok := n.right.vector(t)
	if !rok {
		return false
	}
	out.weight = l.weight + r.weight
	again := n.signatures.update(l.labels, r.labels)
	n.marks.next(len(n.signatures.numbers))
	left, right := n.signatures.sides[0].num, n.signatures.sides[1].num
	if n.op == parser.LOR {
		n.join(again, l, r)
		out.reset(n.labels)
		for k, i := range l.index {
			n.marks.set(left[i])
			out.add(n.places[0][i], l.values[k])
		}
		for k, i := range r.index {
			if !n.marks.has(right[i]) {
				out.add(n.places[1][i], r.values[k])
			}
		}
		return true
	}
	out.reset(l.labels)
	for _, i := range r.index {
		n.marks.set(right[i])
	}
	for k, i := range l.index {
		if n.marks.has(left[i]) == (n.op == parser.LAND) {
			out.add(i, l.values[k])
		}
	}
	return true
}

// join keeps the universe of both sides.
func (n *setOperation) join(again bool, sides ...*column) {
	if again {
		n.labels, n.places = &universe{}, [2][]int32{}
	}
	for s, c := range sides {
		for i := len(n.places[s]); i < c.labels.len(); i++ {
			n.places[s] = append(n.places[s], int32(n.labels.len()))
			n.labels.add(c.labels.at(int32(i)))
		}
	}
}

package plan

// instant is an instant selector.
type instant struct {
	selector *selector
	reach    int64 // how far before an evaluation it looks, as offset
	order    order
	offset   int64 // in milliseconds
	// times: the result is when the samples are from, not their values.
	times bool
	nameless
	distinct distinct
}

func (n *instant) eval(t *turn, out *column) bool {
	if n.reach > t.limit {
		return false
	}
	r := n.selector.roster(n.order)
	labels := r.labels
	if n.times {
		labels = n.from(labels)
	}
	out.reset(labels)
	at := t.at - n.offset
	for i, s := range r.series {
		p, is := s.instant(at, t.lookback)
		switch {
		case is == unknown:
			return false
		case is == present && n.times:
			out.add(int32(i), float64(p.T)/1000)
		case is == present:
			out.add(int32(i), p.F)
		}
	}
	return !n.times || n.distinct.without(r.labels, out)
}

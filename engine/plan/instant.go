package plan

import "github.com/prometheus/prometheus/model/value"

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
		p := s.last
		if p.T > at || p.T <= s.since || p.T <= at-t.lookback || value.IsStaleNaN(p.F) {
			var is presence
			if p, is = s.instant(at, t.lookback); is == unknown {
				return false
			} else if is == absent {
				continue
			}
		}
		if n.times {
			p.F = float64(p.T) / 1000
		}
		out.add(int32(i), p.F)
	}
	return !n.times || n.distinct.without(r.labels, out)
}

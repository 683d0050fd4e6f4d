package plan

import (
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/schema"
)

// matching is a binary operator between two vectors, but for the set operators.
// Every error of it is left to the engine, and so is a match of which it is not
// plain that it is none.
type matching struct {
	op         parser.ItemType
	rule       *parser.VectorMatching
	returnBool bool
	many, one  *node // the sides, by what they are to each other
	swapped    bool  // the one side stands on the left
	signatures *signatures
	ones       marks   // by signature: the one side has it
	place      []int32 // by signature: where in the column of the one side
	manies     marks   // by signature: a series of the many side has matched, one to one
	results    results
}

func newMatching(x *parser.BinaryExpr, l, r *node) *matching {
	n := &matching{op: x.Op, rule: x.VectorMatching, returnBool: x.ReturnBool, many: l, one: r, signatures: newSignatures(x.VectorMatching)}
	if x.VectorMatching.Card == parser.CardOneToMany {
		n.many, n.one, n.swapped = r, l, true
	}
	n.results.of = n.labels
	return n
}

func (n *matching) eval(t *turn, out *column) bool {
	many, ok := n.many.vector(t)
	if !ok {
		return false
	}
	one, ok := n.one.vector(t)
	if !ok {
		return false
	}
	again := n.signatures.update(many.labels, one.labels)
	names := asBelow
	if n.dropsName() {
		names = dropped
	}
	oneToOne := n.rule.Card == parser.CardOneToOne
	explicit := len(n.rule.Include) > 0 || !oneToOne && n.dropsName() && !many.labels.uniform()
	n.results.update(again, many.labels, explicit, names)
	out.reset(n.results.labels)
	out.weight = many.weight + one.weight
	if len(many.index) == 0 || len(one.index) == 0 {
		return true
	}
	if !n.index(one) {
		return false
	}
	return n.match(many, one, out)
}

// index notes the place of each signature of the one side; false where two have
// the same.
func (n *matching) index(one *column) bool {
	n.ones.next(len(n.signatures.numbers))
	if len(n.place) < len(n.ones.seen) {
		n.place = make([]int32, len(n.ones.seen))
	}
	for k, i := range one.index {
		s := n.signatures.sides[1].num[i]
		if n.ones.has(s) {
			return false
		}
		n.ones.set(s)
		n.place[s] = int32(k)
	}
	return true
}

func (n *matching) match(many, one *column, out *column) bool {
	oneToOne := n.rule.Card == parser.CardOneToOne
	compares := n.op.IsComparisonOperator() && n.returnBool
	n.manies.next(len(n.signatures.numbers))
	n.results.begin(len(many.index))
	for k, i := range many.index {
		s := n.signatures.sides[0].num[i]
		if !n.ones.has(s) {
			continue
		}
		if oneToOne {
			if n.manies.has(s) {
				return false
			}
			n.manies.set(s)
		}
		place := n.place[s]
		l, r := many.values[k], one.values[place]
		if n.swapped {
			l, r = r, l
		}
		v, keep := operate(n.op, l, r)
		if compares {
			v, keep = toFloat(keep), true
		}
		result, unique := n.results.place(i, one.index[place], one.labels)
		if !unique {
			return false
		}
		if keep {
			out.add(result, v)
		}
	}
	return true
}

func (n *matching) dropsName() bool { return n.returnBool || changesSchema(n.op) }

// labels of a result, from the many side and, if something of it is included, the
// one side.
func (n *matching) labels(many, one labels.Labels) labels.Labels {
	lb := labels.NewBuilder(many)
	if n.dropsName() {
		schema.Metadata{}.SetToLabels(lb)
	}
	if n.rule.Card == parser.CardOneToOne {
		if n.rule.On {
			lb.Keep(n.rule.MatchingLabels...)
		} else {
			lb.Del(n.rule.MatchingLabels...)
		}
	}
	for _, name := range n.rule.Include {
		lb.Set(name, one.Get(name)) // an empty value deletes
	}
	return lb.Labels()
}

// results is the universe of a matching: that of the many side under other labels
// or, where labels of the one side are included or names are dropped that tell
// results apart, its own.
type results struct {
	of       func(many, one labels.Labels) labels.Labels
	many     *universe
	labels   *universe
	explicit bool // it is its own

	last   [][2]int32 // by series of the many side: its last partner, and the result
	pairs  map[[2]int32]int32
	byHash map[uint64]int32
	marks  marks // by result: it is there in this turn
}

func (r *results) update(again bool, many *universe, explicit bool, names metadata) {
	if again || explicit != r.explicit || r.labels == nil {
		r.many, r.explicit = many, explicit
		r.last, r.pairs, r.byHash = nil, map[[2]int32]int32{}, map[uint64]int32{}
		r.labels = &universe{}
		if !explicit {
			r.labels = derived(many, names, func(ls labels.Labels) labels.Labels { return r.of(ls, labels.EmptyLabels()) })
		}
	}
	for explicit && len(r.last) < many.len() {
		r.last = append(r.last, [2]int32{-1, -1})
	}
}

// begin is called before the first place of a turn; n is how many will be asked
// for at most.
func (r *results) begin(n int) {
	if r.explicit {
		r.marks.next(r.labels.len() + n)
	}
}

// place gives the result of a pair. unique is false if there is one with these
// labels already.
func (r *results) place(many, one int32, ones *universe) (result int32, unique bool) {
	if !r.explicit {
		return many, true
	}
	if r.last[many][0] != one {
		r.last[many] = [2]int32{one, r.pair(many, one, ones)}
	}
	result = r.last[many][1]
	if r.marks.has(result) {
		return result, false
	}
	r.marks.set(result)
	return result, true
}

func (r *results) pair(many, one int32, ones *universe) int32 {
	key := [2]int32{many, one}
	if i, ok := r.pairs[key]; ok {
		return i
	}
	ls := r.of(r.many.at(many), ones.at(one))
	h := ls.Hash()
	i, ok := r.byHash[h]
	if !ok {
		i = int32(r.labels.len())
		r.byHash[h] = i
		r.labels.add(ls)
	}
	r.pairs[key] = i
	return i
}

package plan

import (
	"container/heap"
	"math"
	"sort"
)

// maxCount is the first count that promql refuses.
const maxCount = math.MaxInt64 - 1023

// extremes is topk or bottomk.
type extremes struct {
	in     *node
	count  scalar
	groups *grouping
	lowest bool
	marks  marks
	heaps  []ranked // by group
	there  []int32
}

// element is a series of the column and its value.
type element struct {
	value float64
	index int32
}

// ranked is a heap with the element on top that is the first to go: promql's, so
// that equal values come out in the same order. NaN is the first to go.
type ranked struct {
	elements []element
	lowest   bool
}

func (r *ranked) Len() int { return len(r.elements) }

func (r *ranked) Less(i, j int) bool {
	a, b := r.elements[i].value, r.elements[j].value
	switch {
	case math.IsNaN(a):
		return true
	case r.lowest:
		return a > b
	default:
		return a < b
	}
}

func (r *ranked) Swap(i, j int) { r.elements[i], r.elements[j] = r.elements[j], r.elements[i] }

func (r *ranked) Push(x any) { r.elements = append(r.elements, x.(element)) }

func (r *ranked) Pop() any {
	last := r.elements[len(r.elements)-1]
	r.elements = r.elements[:len(r.elements)-1]
	return last
}

// offer takes an element in if it is among the first k.
func (r *ranked) offer(e element, k int) {
	if len(r.elements) < k {
		heap.Push(r, e)
		return
	}
	top := r.elements[0].value
	better := top < e.value
	if r.lowest {
		better = top > e.value
	}
	if better || math.IsNaN(top) && !math.IsNaN(e.value) {
		r.elements[0] = e
		if k > 1 {
			heap.Fix(r, 0)
		}
	}
}

func (n *extremes) eval(t *turn, out *column) bool {
	limit, weight, ok := n.count.scalar(t)
	if !ok {
		return false
	}
	in, ok := n.in.vector(t)
	if !ok {
		return false
	}
	out.reset(in.labels)
	out.weight = in.weight + weight
	if limit < 1 {
		return true
	}
	if math.IsNaN(limit) || limit >= maxCount {
		return false // errors
	}
	k := min(int(limit), len(in.index))
	n.groups.update(in.labels)
	size := n.groups.labels.len()
	n.marks.next(size)
	if size > len(n.heaps) {
		n.heaps = append(n.heaps, make([]ranked, size-len(n.heaps))...)
	}
	n.there = n.there[:0]
	for i, s := range in.index {
		g := n.groups.groups[s]
		if !n.marks.has(g) {
			n.marks.set(g)
			n.there = append(n.there, g)
			n.heaps[g] = ranked{n.heaps[g].elements[:0], n.lowest}
		}
		n.heaps[g].offer(element{in.values[i], s}, k)
	}
	for _, g := range n.there {
		h := &n.heaps[g]
		if len(h.elements) > 1 {
			sort.Sort(sort.Reverse(h))
		}
		for _, e := range h.elements {
			out.add(e.index, e.value)
		}
	}
	return true
}

package plan

import (
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/schema"
)

// universe is the list of series that a node may return, in the order in which it
// returns them. It only grows; who has to take something out or put something
// between makes a new one, by which the nodes above know that they must begin anew.
type universe struct {
	sets []labels.Labels // of a universe of its own

	// A derived universe has the series of base, with other labels, which are
	// computed when asked for.
	base   *universe
	derive func(labels.Labels) labels.Labels
	kept   map[int32]labels.Labels // what out has computed
	names  metadata

	same bool // of a universe of its own: name, type and unit are the same for all
}

// metadata is what a derived universe does to name, type and unit.
type metadata int

const (
	asBelow metadata = iota
	dropped
	written
)

// derived is the universe of base with other labels.
func derived(base *universe, names metadata, derive func(labels.Labels) labels.Labels) *universe {
	return &universe{base: base, names: names, derive: derive}
}

// uniform tells that name, type and unit are the same for all, so that series
// which differ do so without them too. More series may end that.
func (u *universe) uniform() bool {
	if u.base == nil {
		return u.same
	}
	return u.names == dropped || u.names == asBelow && u.base.uniform()
}

// single is the universe of one series.
func single(ls labels.Labels) *universe {
	u := &universe{}
	u.add(ls)
	return u
}

func (u *universe) len() int {
	if u.base != nil {
		return u.base.len()
	}
	return len(u.sets)
}

func (u *universe) add(ls labels.Labels) {
	u.same = len(u.sets) == 0 || u.same && sameMetadata(u.sets[0], ls)
	u.sets = append(u.sets, ls)
}

func sameMetadata(a, b labels.Labels) bool {
	for _, name := range metadataLabels() {
		if a.Get(name) != b.Get(name) {
			return false
		}
	}
	return true
}

// metadataLabels are those that promql drops with the name.
func metadataLabels() []string {
	return []string{model.MetricNameLabel, model.MetricTypeLabel, model.MetricUnitLabel}
}

// at gives the labels of series i, for what is computed once for it.
func (u *universe) at(i int32) labels.Labels {
	if u.base != nil {
		return u.derive(u.base.at(i))
	}
	return u.sets[i]
}

// out is at for results: those recur, so that they are kept.
func (u *universe) out(i int32) labels.Labels {
	if u.base == nil {
		return u.sets[i]
	}
	if ls, ok := u.kept[i]; ok {
		return ls
	}
	ls := u.at(i)
	if u.kept == nil {
		u.kept = map[int32]labels.Labels{}
	}
	u.kept[i] = ls
	return ls
}

func dropMetadata(ls labels.Labels) labels.Labels { return ls.DropReserved(schema.IsMetadataLabel) }

// nameless derives, once for each universe below, the one without names.
type nameless struct{ of, made *universe }

func (n *nameless) from(u *universe) *universe {
	if n.of != u {
		n.of, n.made = u, derived(u, dropped, dropMetadata)
	}
	return n.made
}

// distinct tells whether series of a universe that may have equal labels do so
// among those of one column.
type distinct struct {
	of     *universe
	ids    []int32 // by series: equal where the labels are
	byHash map[uint64]int32
	seen   []uint64 // by id: the last turn in which it was there
	turn   uint64
}

// without tells whether all labels of a column are different, which is made of one
// of this universe by dropping names.
func (d *distinct) without(names *universe, c *column) bool {
	return names.uniform() || d.in(c)
}

// in tells whether all labels of a column are different. promql compares hashes.
func (d *distinct) in(c *column) bool {
	if len(c.index) < 2 {
		return true
	}
	if d.of != c.labels {
		*d = distinct{of: c.labels, byHash: map[uint64]int32{}}
	}
	for i := len(d.ids); i < d.of.len(); i++ {
		h := d.of.at(int32(i)).Hash()
		id, ok := d.byHash[h]
		if !ok {
			id = int32(len(d.byHash))
			d.byHash[h] = id
			d.seen = append(d.seen, 0)
		}
		d.ids = append(d.ids, id)
	}
	if len(d.byHash) == len(d.ids) {
		return true
	}
	d.turn++
	for _, i := range c.index {
		id := d.ids[i]
		if d.seen[id] == d.turn {
			return false
		}
		d.seen[id] = d.turn
	}
	return true
}

package plan

// column is an instant vector: some series of a universe, in the order of promql,
// and their values.
type column struct {
	labels *universe
	index  []int32
	values []float64
	// weight is how many samples the results of this node and of those below are
	// together, as often as an expression has them.
	weight int
}

func (c *column) reset(u *universe) {
	c.labels, c.index, c.values = u, c.index[:0], c.values[:0]
}

func (c *column) add(i int32, v float64) {
	c.index = append(c.index, i)
	c.values = append(c.values, v)
}

// turn is the evaluation of one rule.
type turn struct {
	at       int64  // timestamp of the evaluation
	version  uint64 // of the window
	lookback int64  // how far back an instant selector looks
	limit    int64  // of the window
	times    *times // of the last line through samples
}

// operator computes the column of one node. It is false where promql.Engine has to
// be asked.
type operator interface {
	eval(t *turn, out *column) bool
}

// scalar computes a single value, with the weight of what it reads. It is false
// where promql.Engine has to be asked.
type scalar interface {
	scalar(t *turn) (v float64, weight int, ok bool)
}

// node is an expression of the graph that gives an instant vector. It keeps its
// result for as long as neither time nor a series that it reads has moved on.
type node struct {
	op       operator
	families []*family // what it reads

	at      int64
	version uint64
	done    bool
	ok      bool
	out     column
}

func (n *node) vector(t *turn) (*column, bool) {
	if n.fresh(t) {
		return &n.out, n.ok
	}
	n.out.weight = 0
	n.ok = n.op.eval(t, &n.out)
	n.out.weight += len(n.out.index)
	n.at, n.version, n.done = t.at, t.version, true
	return &n.out, n.ok
}

func (n *node) fresh(t *turn) bool {
	if !n.done || n.at != t.at {
		return false
	}
	if n.version == t.version {
		return true
	}
	for _, f := range n.families {
		if f.changed > n.version {
			return false
		}
	}
	n.version = t.version
	return true
}

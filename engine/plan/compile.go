package plan

import (
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// graph is the nodes of all rules that are evaluated at the same times, by their
// expressions; nil stands for one that cannot be compiled.
type graph struct {
	nodes map[string]*node
}

// graph gives the one of the rules with this query offset.
func (p *Plan) graph(o order, offset time.Duration) *graph {
	g := p.graphs[o][offset]
	if g == nil || p.opts.Unshared {
		g = &graph{nodes: map[string]*node{}}
		p.graphs[o][offset] = g
	}
	return g
}

// compiler makes nodes of the expression of one rule. A nil result means that only
// promql.Engine can evaluate it.
type compiler struct {
	plan   *Plan
	order  order
	offset time.Duration // of the group
	graph  *graph
}

// root compiles a whole expression.
func (c *compiler) root(e parser.Expr) *root {
	c.graph = c.plan.graph(c.order, c.offset)
	if e.Type() == parser.ValueTypeScalar {
		if s := c.scalar(e); s != nil {
			return &root{scalar: s, families: c.families(e)}
		}
		return nil
	}
	if n := c.vector(e); n != nil {
		return &root{node: n, families: n.families}
	}
	return nil
}

// vector compiles an expression that gives an instant vector.
func (c *compiler) vector(e parser.Expr) *node {
	switch x := e.(type) {
	case *parser.ParenExpr:
		return c.vector(x.Expr)
	case *parser.UnaryExpr:
		if x.Op == parser.ADD {
			return c.vector(x.Expr)
		}
	}
	if e.Type() != parser.ValueTypeVector {
		return nil
	}
	key := e.String()
	if n, ok := c.graph.nodes[key]; ok {
		return n
	}
	var n *node
	if op := c.operator(e); op != nil {
		n = &node{op: op, families: c.families(e)}
	}
	c.graph.nodes[key] = n
	return n
}

func (c *compiler) operator(e parser.Expr) operator {
	switch x := e.(type) {
	case *parser.VectorSelector:
		if s, l := c.selector(x, 0); s != nil {
			return &instant{selector: s, reach: l, order: c.order, offset: x.OriginalOffset.Milliseconds()}
		}
	case *parser.UnaryExpr:
		if in := c.vector(x.Expr); in != nil {
			return &negation{in: in}
		}
	case *parser.AggregateExpr:
		return c.aggregation(x)
	case *parser.BinaryExpr:
		return c.binary(x)
	case *parser.Call:
		return c.call(x)
	}
	return nil
}

func (c *compiler) binary(x *parser.BinaryExpr) operator {
	switch x.Op {
	case parser.TRIM_LOWER, parser.TRIM_UPPER:
		return nil // for native histograms
	}
	drops := x.ReturnBool || changesSchema(x.Op)
	scalarLeft := x.LHS.Type() == parser.ValueTypeScalar
	if scalarLeft || x.RHS.Type() == parser.ValueTypeScalar {
		v, s := x.LHS, x.RHS
		if scalarLeft {
			v, s = s, v
		}
		in, by := c.vector(v), c.scalar(s)
		if in == nil || by == nil {
			return nil
		}
		return &arithmetic{op: x.Op, in: in, by: by, scalarLeft: scalarLeft, returnBool: x.ReturnBool, drops: drops}
	}
	m := x.VectorMatching
	l, r := c.vector(x.LHS), c.vector(x.RHS)
	if l == nil || r == nil || m.FillValues.LHS != nil || m.FillValues.RHS != nil {
		return nil
	}
	if x.Op.IsSetOperator() {
		return &setOperation{op: x.Op, left: l, right: r, signatures: newSignatures(m)}
	}
	return newMatching(x, l, r)
}

// selector resolves a selector, of a range in milliseconds, or 0, and tells how far
// back that looks.
func (c *compiler) selector(x *parser.VectorSelector, window int64) (*selector, int64) {
	if x.Timestamp != nil || x.StartOrEnd != 0 || x.Anchored || x.Smoothed || x.OriginalOffset < 0 || x.OriginalOffsetExpr != nil {
		return nil, 0
	}
	offset := x.OriginalOffset.Milliseconds()
	l := look{reach: offset + window, keep: offset + window + (c.offset + evaluationDelay).Milliseconds()}
	if window == 0 {
		l.reach += c.plan.opts.Lookback.Milliseconds()
	}
	if l.reach > c.plan.opts.MaxReach.Milliseconds() {
		return nil, 0
	}
	return c.plan.window.selector(x.LabelMatchers, l), l.reach
}

// families gives the series that an expression reads.
func (c *compiler) families(e parser.Expr) []*family {
	var fs []*family
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			f := &c.plan.window.all
			if name, ok := metricName(s.LabelMatchers); ok {
				f = c.plan.window.familyOf(name)
			}
			if !slices.Contains(fs, f) {
				fs = append(fs, f)
			}
		}
		return nil
	})
	return fs
}

// stretch tells how far before an evaluation, in milliseconds, promql.Engine reads for
// an expression that can be compiled: from the first to the last, both inclusive.
func stretch(e parser.Expr, lookback time.Duration) (from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	parser.Inspect(e, func(n parser.Node, path []parser.Node) error {
		s, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		reach := lookback
		if len(path) > 0 {
			if m, ok := path[len(path)-1].(*parser.MatrixSelector); ok {
				reach = m.Range
			}
		}
		offset := s.OriginalOffset.Milliseconds()
		from, to = max(from, offset+reach.Milliseconds()-1), min(to, offset)
		return nil
	})
	if to == math.MaxInt64 {
		return 0, 0 // it reads nothing
	}
	return from, to
}

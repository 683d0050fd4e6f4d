package explain

import (
	"cmp"
	"math"
	"slices"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/api"
)

// compared finds how far the series of a comparison are from its threshold.
func (e *evaluator) compared(p *part, n *parser.BinaryExpr) {
	if !n.Op.IsComparisonOperator() {
		return
	}
	op, vec, threshold := n.Op, p.parts[0], p.parts[1]
	if vec.isScalar() {
		op, vec, threshold = mirrored(op), threshold, vec
	}
	if vec.node.Type != string(parser.ValueTypeVector) || !vec.known || threshold.scalar == nil {
		return
	}
	c := &api.Comparison{Place: p.node.Place, Operator: op.String(), Threshold: api.Value(*threshold.scalar), Total: len(vec.vec)}
	all := make([]distance, 0, len(vec.vec))
	for i := range vec.vec {
		s := &vec.vec[i]
		d := distance{s, s.F - *threshold.scalar, holds(op, s.F, *threshold.scalar)}
		if s.H != nil {
			continue // which no number is more or less than
		}
		if d.true {
			c.True++
		}
		all = append(all, d)
	}
	slices.SortStableFunc(all, distance.compare)
	c.Series = make([]api.Distance, 0, min(len(all), e.opts.Series))
	for _, d := range all[:min(len(all), e.opts.Series)] {
		c.Series = append(c.Series, api.Distance{
			Labels: labelMap(d.sample.Metric), Value: api.Value(d.sample.F), Difference: api.Value(d.difference),
			Ratio: api.Value(d.sample.F / *threshold.scalar), True: d.true,
		})
	}
	p.comparison = c
	e.comparisons = append(e.comparisons, *c)
}

type distance struct {
	sample     *promql.Sample
	difference float64
	true       bool
}

// compare puts those first that are over the threshold, the farthest of them first,
// then the nearest of the others.
func (d distance) compare(o distance) int {
	if d.true != o.true {
		if d.true {
			return -1
		}
		return 1
	}
	by := cmp.Compare(rank(d.difference), rank(o.difference))
	if d.true {
		return -by
	}
	return by
}

// rank sorts what is no number behind all that is one.
func rank(f float64) float64 {
	if math.IsNaN(f) {
		return math.Inf(1)
	}
	return math.Abs(f)
}

// mirrored is the operator when its sides change places.
func mirrored(op parser.ItemType) parser.ItemType {
	switch op {
	case parser.GTR:
		return parser.LSS
	case parser.LSS:
		return parser.GTR
	case parser.GTE:
		return parser.LTE
	case parser.LTE:
		return parser.GTE
	}
	return op
}

func holds(op parser.ItemType, value, threshold float64) bool {
	switch op {
	case parser.EQLC:
		return value == threshold
	case parser.NEQ:
		return value != threshold
	case parser.GTR:
		return value > threshold
	case parser.LSS:
		return value < threshold
	case parser.GTE:
		return value >= threshold
	case parser.LTE:
		return value <= threshold
	}
	return false
}

// words are the comparison operators as they are spoken.
var words = map[string]string{
	"==": "equal to", "!=": "other than", ">": "above", "<": "below", ">=": "at or above", "<=": "at or below",
}

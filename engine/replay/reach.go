package replay

import (
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/rules"
)

// endless is a look back whose length nobody knows: to a fixed moment, or by the
// query of a template.
const endless = time.Duration(-1)

// reach is how far back the rules look at series that they write themselves: zero
// if they do not.
func reach(groups []rules.Group) time.Duration {
	written := engine.WrittenBy(groups)
	longest := time.Duration(0)
	for _, g := range groups {
		for _, r := range g.Rules {
			d := lookBack(r.Expr, written)
			if d == endless || queries(r.Labels) {
				return endless
			}
			if d > 0 && g.QueryOffset != nil {
				d += *g.QueryOffset
			}
			longest = max(longest, d)
		}
	}
	return longest
}

// queries tells whether the templates of labels can query.
func queries(ls labels.Labels) bool {
	found := false
	ls.Range(func(l labels.Label) { found = found || strings.Contains(l.Value, "query") })
	return found
}

// lookBack is how far back expr looks at series that rules write.
func lookBack(expr parser.Expr, written engine.Written) time.Duration {
	longest := time.Duration(0)
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		sel, ok := n.(*parser.VectorSelector)
		if !ok || !written.ReadBy(sel) {
			return nil
		}
		d, fixed := engine.LookbackDelta+sel.OriginalOffset, sel.Timestamp != nil
		for _, outer := range path {
			switch outer := outer.(type) {
			case *parser.MatrixSelector:
				d += outer.Range - engine.LookbackDelta
			case *parser.SubqueryExpr:
				d += outer.Range + outer.OriginalOffset
				fixed = fixed || outer.Timestamp != nil
			}
		}
		if fixed {
			longest = endless
		} else if longest != endless {
			longest = max(longest, d)
		}
		return nil
	})
	return longest
}

// warmUp is how long before the start of a replay evaluation must begin for the
// alerts to be right from the start on.
func warmUp(groups []rules.Group) time.Duration {
	longest := time.Duration(0)
	for _, g := range groups {
		for _, r := range g.Rules {
			longest = max(longest, r.For+r.KeepFiringFor)
		}
	}
	return longest + max(reach(groups), 0)
}

// lowIsWorse tells whether the lower of two values of an expression is the worse
// one: it asks for what is below a limit.
func lowIsWorse(expr parser.Expr) bool {
	switch e := expr.(type) {
	case *parser.ParenExpr:
		return lowIsWorse(e.Expr)
	case *parser.BinaryExpr:
		below := e.Op == parser.LSS || e.Op == parser.LTE
		above := e.Op == parser.GTR || e.Op == parser.GTE
		switch {
		case e.ReturnBool:
			return false
		case e.Op == parser.LAND, e.Op == parser.LUNLESS, e.Op == parser.LOR:
			return lowIsWorse(e.LHS)
		case e.LHS.Type() == parser.ValueTypeScalar: // the value is the one on the right
			return above
		}
		return below
	}
	return false
}

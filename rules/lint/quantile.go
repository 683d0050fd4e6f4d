package lint

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

// quantiles reports comparisons with more than a quantile can ever be: it ends
// where the highest finite bucket of its histogram ends.
func (p *pass) quantiles() {
	p.inspect(func(n parser.Node) {
		cmp, ok := n.(*parser.BinaryExpr)
		if !ok || !cmp.Op.IsComparisonOperator() {
			return
		}
		op, side, limit := cmp.Op, cmp.LHS, cmp.RHS
		if _, ok := constant(side); ok {
			op, side, limit = mirrored(op), limit, side
		}
		threshold, ok := constant(limit)
		if !ok {
			return
		}
		q, ok := quantile(side)
		if !ok {
			return
		}
		effect := ""
		switch above := threshold > q.top; {
		case op == parser.GTR && threshold >= q.top, (op == parser.GTE || op == parser.EQLC) && above:
			effect = "never true"
		case op == parser.LTE && threshold >= q.top, (op == parser.LSS || op == parser.NEQ) && above:
			effect = "always true"
		default:
			return
		}
		p.reportAt(BlindQuantile, q.call,
			fmt.Sprintf("the last finite bucket of %s ends at %s, so no quantile of it is above %s, and the comparison with %s is %s",
				q.name, seconds(q.bucketTop), decimal(q.top), decimal(threshold), effect),
			fmt.Sprintf("compare the mean: rate(%[1]s_sum[15m]) / rate(%[1]s_count[15m])", q.name))
	})
}

// mirrored is the operator with its sides changed.
func mirrored(op parser.ItemType) parser.ItemType {
	switch op {
	case parser.GTR:
		return parser.LSS
	case parser.GTE:
		return parser.LTE
	case parser.LSS:
		return parser.GTR
	case parser.LTE:
		return parser.GTE
	}
	return op
}

// bounded is a quantile, and the highest value that an expression over it can have.
type bounded struct {
	call      *parser.Call
	name      string // of the histogram
	bucketTop float64
	top       float64
}

// quantile finds the quantile of an engine's histogram that e is, through what
// keeps it bounded.
func quantile(e parser.Expr) (bounded, bool) {
	switch x := unwrap(e).(type) {
	case *parser.Call:
		if x.Func.Name == "histogram_quantile" {
			return histogram(x)
		}
	case *parser.AggregateExpr:
		switch x.Op {
		case parser.MAX, parser.MIN, parser.AVG, parser.TOPK, parser.BOTTOMK:
			return quantile(x.Expr)
		}
	case *parser.BinaryExpr:
		factor, ok := constant(x.RHS)
		side := x.LHS
		if !ok && x.Op == parser.MUL {
			factor, ok = constant(x.LHS)
			side = x.RHS
		}
		if !ok || factor <= 0 {
			return bounded{}, false
		}
		b, ok := quantile(side)
		switch x.Op {
		case parser.MUL:
			b.top *= factor
		case parser.DIV:
			b.top /= factor
		default:
			return bounded{}, false
		}
		return b, ok
	}
	return bounded{}, false
}

// histogram finds the histogram below histogram_quantile().
func histogram(call *parser.Call) (found bounded, ok bool) {
	parser.Inspect(call, func(n parser.Node, _ []parser.Node) error {
		sel, isSel := n.(*parser.VectorSelector)
		if !isSel {
			return nil
		}
		base, bucket := strings.CutSuffix(metricName(sel), "_bucket")
		if m := catalog[base]; bucket && m.histogram && m.top > 0 {
			found, ok = bounded{call: call, name: base, bucketTop: m.top, top: m.top}, true
		}
		return nil
	})
	return found, ok
}

func seconds(v float64) string { return decimal(v) + " s" }

func decimal(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

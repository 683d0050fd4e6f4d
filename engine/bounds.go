package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// maxSubquerySteps bounds the moments of one subquery. The query engine takes
// memory for each of them and each series before it looks at one sample, so that
// its limit of samples comes too late.
const maxSubquerySteps = 50_000

// checkSubqueries refuses an expression with a subquery of too many moments, over
// the span of time for which the whole is evaluated.
func (e *Engine) checkSubqueries(expr string, span time.Duration) error {
	if !strings.Contains(expr, "[") || !strings.Contains(expr, ":") {
		return nil
	}
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return nil // for the query itself to say
	}
	parser.Inspect(tree, func(n parser.Node, above []parser.Node) error {
		sub, ok := n.(*parser.SubqueryExpr)
		if !ok || err != nil {
			return nil
		}
		all := span + sub.Range
		for _, a := range above {
			if outer, ok := a.(*parser.SubqueryExpr); ok {
				all += outer.Range
			}
		}
		step := sub.Step
		setDefault(&step, e.opts.Interval)
		if steps := all / step; steps > maxSubquerySteps {
			err = fmt.Errorf("subquery [%s:%s] is evaluated at %d moments, %d at most: take a longer step or a shorter range",
				sub.Range, step, steps, maxSubquerySteps)
		}
		return nil
	})
	return err
}

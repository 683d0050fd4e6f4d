package explain

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/engine/internal/randomrules"
	"github.com/tocsin/tocsin/rules"
)

// TestRandomExpressions explains what nobody would write: each part stands where it
// says, gives what its text gives by itself, and there is always an answer.
func TestRandomExpressions(t *testing.T) {
	b := newBench(t, "  - {alert: A, expr: up}\n")
	r := rand.New(rand.NewPCG(1, 2))
	for range 12 {
		var samples []string
		for _, name := range []string{"a_total", "b_total", "gauge", "steps", "weird", "info_metric", "late"} {
			for i := range 3 {
				samples = append(samples, fmt.Sprintf(`%s{i="%d",g="%s"} %d`, name, i, []string{"x", "y"}[i%2], r.IntN(50)))
			}
		}
		b.step(true, samples...)
	}
	say, parts, empty := randomrules.New(r), 0, 0
	for range 400 {
		expr := say.Vector(1 + r.IntN(3))
		tree, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
		if err != nil || tree.Type() != parser.ValueTypeVector {
			continue
		}
		status := engine.RuleStatus{Rule: &rules.Rule{Alert: "A", ExprText: expr}, Health: engine.HealthOK, LastEvaluation: b.at}
		b.opts.Now = b.at
		x := Explain(t.Context(), &engine.GroupStatus{Name: "g"}, &status, engine.Insight{ScrapeInterval: every}, b.opts)
		if x.Expression == nil || !strings.HasPrefix(x.Answer, "Does not fire: ") || !strings.HasSuffix(x.Answer, ".") && !strings.HasSuffix(x.Answer, "?") {
			t.Errorf("%s: answer %q", expr, x.Answer)
			continue
		}
		if x.Expression.Error == "" && x.Expression.Total == 0 {
			empty++
		}
		parts += checkParts(t, b, x, x.Expression)
	}
	if parts < 1000 || empty < 20 {
		t.Errorf("%d parts were compared and %d expressions gave nothing: that shows little", parts, empty)
	}
}

// checkParts compares the parts of an expression with their texts, and tells how many
// it has compared.
func checkParts(t *testing.T, b *bench, x *api.Explanation, n *api.Node) (compared int) {
	t.Helper()
	if n.End > 0 && x.Expr[n.Start:n.End] != n.Text {
		t.Errorf("%s: %q does not stand at %d to %d", x.Expr, n.Text, n.Start, n.End)
	}
	if n.Kind == "subquery" {
		return 0 // what is below it is of another time
	}
	if n.Type == string(parser.ValueTypeVector) && n.Error == "" && n.Skipped == "" {
		res, err := b.eng.Execute(t.Context(), engine.Query{Expr: n.Text, Start: x.At, End: x.At})
		if vec, ok := res.Value.(promql.Vector); err != nil || !ok || len(vec) != n.Total {
			t.Errorf("%s: %s gives %d series, and %v (%v) by itself", x.Expr, n.Text, n.Total, res.Value, err)
		}
		compared++
	}
	for i := range n.Nodes {
		compared += checkParts(t, b, x, &n.Nodes[i])
	}
	return compared
}

package explain

import (
	"fmt"
	"testing"

	"github.com/tocsin/tocsin/engine"
)

// BenchmarkExplain explains a rule over many series, of which its own evaluation is
// the measure: BenchmarkExplain/evaluation.
func BenchmarkExplain(b *testing.B) {
	w := newBench(b, "  - {alert: A, expr: 'sum by (n) (rate(x[1m])) / on(n) group_left() y > 2'}\n")
	samples := make([]string, 0, 20_000)
	for i := range 10_000 {
		samples = append(samples, fmt.Sprintf(`x{n="%d"} 1`, i), fmt.Sprintf(`y{n="%d"} 1`, i))
	}
	for range 5 {
		w.step(true, samples...)
	}
	g := &w.eng.Snapshot().Groups[0]
	in, _ := w.eng.Insight(g.Rules[0].Rule)
	w.opts.Now = w.at
	b.Run("evaluation", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.eng.Execute(b.Context(), engine.Query{Expr: g.Rules[0].Rule.ExprText, Start: w.at, End: w.at}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("explanation", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if x := Explain(b.Context(), g, &g.Rules[0], in, w.opts); x.Skipped != "" {
				b.Fatal(x.Skipped)
			}
		}
	})
}

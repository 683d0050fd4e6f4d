package ruletest

import (
	"fmt"
	"math"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/rules"
)

func (r *reader) alert(t *Test, m rules.Mapping) AlertTest {
	before := r.doc.Count()
	name := m.Text("alertname")
	a := AlertTest{Pos: m.Pos, EvalTime: m.Duration("eval_time"), AlertName: name.Value}
	r.apart(t, m, before, func() {
		if name.Value == "" {
			name.Report(0, "is missing", "name the alert that is to be tested")
		}
	})
	for _, w := range m.Mappings("exp_alerts", firingForm) {
		ls, notes := w.TextMap("exp_labels"), w.TextMap("exp_annotations")
		if ls == nil {
			ls = map[string]string{}
		}
		ls[labels.AlertName] = a.AlertName // every alert has it, and nobody writes it
		a.Want = append(a.Want, Firing{Labels: labels.FromMap(ls), Annotations: labels.FromMap(notes)})
	}
	return a
}

func (r *reader) expr(t *Test, m rules.Mapping) ExprTest {
	before := r.doc.Count()
	expr := m.Text("expr")
	e := ExprTest{Pos: m.Pos, EvalTime: m.Duration("eval_time"), Expr: expr.Value}
	r.apart(t, m, before, func() { r.doc.Expr(expr) })
	for _, w := range m.Mappings("exp_samples", sampleForm) {
		before := r.doc.Count()
		s := Sample{Value: w.Number("value")}
		ls, hist := w.Text("labels"), w.Text("histogram")
		r.apart(t, w, before, func() {
			s.Labels, _ = r.metric(ls)
			if hist.Value != "" {
				s.Histogram = r.histogram(hist)
			}
		})
		e.Want = append(e.Want, s)
	}
	return e
}

// histogram parses the one histogram of a text and writes it in the notation's
// canonical form.
func (r *reader) histogram(text rules.Text) string {
	vs, ok := r.values(text)
	switch {
	case !ok:
		return ""
	case len(vs) != 1:
		text.Report(0, fmt.Sprintf("one histogram is expected, but here are %d values", len(vs)), "")
		return ""
	case vs[0].Histogram == nil:
		text.Report(0, "this is not a histogram", "write {{…}}, or give a float as value")
		return ""
	}
	return notation(vs[0].Histogram)
}

// maxGap bounds the empty buckets that the notation writes out: between two
// spans of buckets there may be billions.
const maxGap = 1 << 20

// notation writes a histogram as input series do; it is empty for none.
func notation(h *histogram.FloatHistogram) string {
	if h == nil {
		return ""
	}
	for _, spans := range [][]histogram.Span{h.PositiveSpans, h.NegativeSpans} {
		gap := 0
		for i, s := range spans {
			if i > 0 {
				gap += int(s.Offset)
			}
		}
		if gap > maxGap {
			return h.String()
		}
	}
	return h.TestExpression()
}

// equalValues compares as promtool does: NaN equals nothing.
func equalValues(a, b float64, fuzzy bool) bool {
	return a == b || fuzzy && (math.Nextafter(a, math.Inf(-1)) == b || math.Nextafter(a, math.Inf(1)) == b)
}

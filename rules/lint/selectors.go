package lint

import (
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/rules"
)

// Selector is a selector that ought to match something.
type Selector struct {
	// Text is the selector without range, offset and @.
	Text string
	// Name is that of the metric; empty if the selector has a pattern for it.
	Name     string
	Matchers []*labels.Matcher // without that of the name
	Pos      rules.Position
}

// Selectors lists, once each, those of a rule that ought to match something.
// That leaves out what absent() asks for, what the rules themselves record, and
// the series of alerts.
func (l *Linter) Selectors(f *rules.File, r *rules.Rule) []Selector {
	var found []Selector
	parser.Inspect(r.Expr, func(n parser.Node, path []parser.Node) error {
		sel, ok := n.(*parser.VectorSelector)
		if !ok || slices.ContainsFunc(path, inAbsent) {
			return nil
		}
		name := metricName(sel)
		if slices.Contains([]string{"ALERTS", "ALERTS_FOR_STATE", "ALERTS_HELD"}, name) || l.recorded[name] {
			return nil
		}
		text := (&parser.VectorSelector{Name: sel.Name, LabelMatchers: sel.LabelMatchers}).String()
		if slices.ContainsFunc(found, func(s Selector) bool { return s.Text == text }) {
			return nil
		}
		found = append(found, Selector{
			Text: text, Name: name, Matchers: withoutName(sel),
			Pos: f.Place(r.Pos, "expr", int(sel.PosRange.Start)),
		})
		return nil
	})
	return found
}

func inAbsent(n parser.Node) bool {
	call, ok := n.(*parser.Call)
	return ok && isAbsent(call)
}

func withoutName(sel *parser.VectorSelector) []*labels.Matcher {
	return slices.DeleteFunc(slices.Clone(sel.LabelMatchers), func(m *labels.Matcher) bool {
		return m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual
	})
}

package engine

import (
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// writers tells which rule of a group is the last one so far that writes series of a
// name, that records under a name, and that has alerts of a name.
type writers struct{ series, records, alerts map[string]int }

// link finds for each rule of the group the last one before it whose results must be
// in storage first: those that it may read, and those among which may be a series
// that it writes itself, as storage tells of two samples only if the first is there.
func (g *group) link() {
	w := writers{map[string]int{}, map[string]int{}, map[string]int{}}
	recorded := map[*recordingRule]int{}
	for i, r := range g.rules {
		b := r.base()
		b.after = w.readBy(b.rule.Expr)
		switch r := r.(type) {
		case *recordingRule:
			name := r.rule.Record
			b.after = max(b.after, last(w.series, name))
			w.series[name], w.records[name], recorded[r] = i, i, i
		case *alertingRule:
			for _, src := range r.origin.sources {
				if j, ok := recorded[src]; ok { // it will be asked whether it is sure
					b.after = max(b.after, j)
				}
			}
			if r.asks() {
				b.after = i - 1
			}
			b.after = max(b.after, last(w.alerts, r.rule.Alert))
			w.alerts[r.rule.Alert] = i
			for _, name := range []string{alertsMetric, forStateMetric, heldMetric} {
				b.after = max(b.after, last(w.records, name))
				w.series[name] = i
			}
		}
	}
}

// last is the place of the last rule for a name; -1 if there is none.
func last(of map[string]int, name string) int {
	if i, ok := of[name]; ok {
		return i
	}
	return -1
}

// readBy is the last of the rules that an expression may read.
func (w writers) readBy(expr parser.Expr) int {
	latest := -1
	if expr == nil { // a rule that cannot be read
		return latest
	}
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		sel, ok := n.(*parser.VectorSelector)
		switch {
		case !ok:
		case sel.Name != "":
			latest = max(latest, last(w.series, sel.Name))
		default:
			for name, i := range w.series {
				if i > latest && mayBeNamed(sel, name) {
					latest = i
				}
			}
		}
		return nil
	})
	return latest
}

// mayBeNamed tells whether a selector may match series of a name.
func mayBeNamed(sel *parser.VectorSelector, name string) bool {
	for _, m := range sel.LabelMatchers {
		if m.Name == labels.MetricName && !m.Matches(name) {
			return false
		}
	}
	return true
}

// asks tells whether a template of the rule may query, whatever it is.
func (r *alertingRule) asks() bool {
	for text := range r.templates {
		if strings.Contains(text, "{{") && strings.Contains(text, "query") {
			return true
		}
	}
	return false
}

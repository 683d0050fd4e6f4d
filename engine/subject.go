package engine

import (
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// selfJob is the job of what this process tells of itself. It is there whatever
// the target does.
const selfJob = "tocsin"

// subject is what kinds of series an expression is about, through recording rules
// and all.
type subject struct {
	// absent: it asks whether something is there. scrape: it reads what a scrape
	// says of itself. target: it reads what a failed scrape does not bring.
	absent, scrape, target bool
}

// watchAbsence tells whether an expression exists to notice that data is missing.
// One that reads up beside other data has it for a guard, as in x > 0 and up == 1:
// a failed scrape is no more evidence for it than without.
func (s subject) watchAbsence() bool { return s.absent || s.scrape && !s.target }

// reads finds the subject of an expression.
func (l *lineage) reads(expr parser.Expr) (s subject) {
	if expr == nil {
		return s
	}
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		if isAbsent(n) {
			s.absent = true
		}
		sel, ok := n.(*parser.VectorSelector)
		if !ok || slices.ContainsFunc(path, isAbsent) {
			return nil
		}
		writers := l.writers(sel)
		for _, rec := range writers {
			from := l.recorded(rec)
			s.absent, s.scrape, s.target = s.absent || from.absent, s.scrape || from.scrape, s.target || from.target
		}
		switch {
		case sel.Name == "up" || strings.HasPrefix(sel.Name, "scrape_"):
			s.scrape = true
		case sel.Name == alertsMetric || sel.Name == forStateMetric || sel.Name == heldMetric || ofThisProcess(sel):
		case sel.Name == "" || len(writers) == 0:
			s.target = true
		}
		return nil
	})
	return s
}

// recorded is the subject of a recording rule; also while it is being found, as
// rules may read each other in a circle.
func (l *lineage) recorded(r *recordingRule) subject {
	s, ok := l.subjects[r]
	if !ok {
		l.subjects[r] = subject{}
		s = l.reads(r.rule.Expr)
		l.subjects[r] = s
	}
	return s
}

func isAbsent(n parser.Node) bool {
	c, ok := n.(*parser.Call)
	return ok && (c.Func.Name == "absent" || c.Func.Name == "absent_over_time")
}

func ofThisProcess(sel *parser.VectorSelector) bool {
	return slices.ContainsFunc(sel.LabelMatchers, func(m *labels.Matcher) bool {
		return m.Type == labels.MatchEqual && m.Name == "job" && m.Value == selfJob
	})
}

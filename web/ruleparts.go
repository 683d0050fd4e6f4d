package web

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/engine"
)

// alertsOf are the first alerts of one rule, in the order of the alerts page.
func alertsOf(g *engine.GroupStatus, r *engine.RuleStatus, now time.Time) []alertRef {
	var l alertLists
	for k := range r.Alerts {
		l.add(g, r, &r.Alerts[k])
	}
	l.sort(now)
	all := slices.Concat(l.firing, l.quiet, l.pending, l.resolved)
	return all[:min(len(all), perPage)]
}

// seriesView is one series of a value and what it is.
type seriesView struct {
	Metric string
	Labels []pair
	Value  string
}

func newSeriesView(ls map[string]string, value string) seriesView {
	v := seriesView{Metric: short(ls[labels.MetricName]), Value: short(value)}
	for _, name := range slices.Sorted(maps.Keys(ls)) {
		if name != labels.MetricName {
			v.Labels = append(v.Labels, pair{short(name), short(ls[name])})
		}
	}
	return v
}

// comparisonView is one comparison with a number, and how far each series is from it.
type comparisonView struct {
	Text, Operator, Threshold string
	True, Total, More         int
	Series                    []distanceView
}

type distanceView struct {
	seriesView
	// Distance is how far it is from the threshold, with its sign.
	Distance string
	True     bool
}

func newComparisonView(c *api.Comparison) comparisonView {
	v := comparisonView{
		Text: short(c.Text), Operator: c.Operator, Threshold: c.Threshold.String(), True: c.True, Total: c.Total, More: c.Total - len(c.Series),
	}
	for i := range c.Series {
		s := &c.Series[i]
		d := distanceView{seriesView: newSeriesView(s.Labels, s.Value.String()), Distance: s.Difference.String(), True: s.True}
		if s.Difference > 0 {
			d.Distance = "+" + d.Distance
		}
		v.Series = append(v.Series, d)
	}
	return v
}

// nodeView is one part of an expression and what it gives.
type nodeView struct {
	ID                        string
	Text, Kind, Role, Summary string
	Series                    []seriesView
	More                      int
	Error, Skipped            string
	Warnings                  []string
	Nodes                     []*nodeView
}

func newNodeView(n *api.Node) *nodeView {
	v := &nodeView{
		ID: fmt.Sprintf("part-%d-%d", n.Start, n.End), Text: short(n.Text), Kind: n.Kind, Role: n.Role, Error: short(redact(n.Error)), Skipped: n.Skipped,
		More: n.Total - len(n.Series),
	}
	switch {
	case n.Error != "":
		v.Summary = "failed"
	case n.Skipped != "":
		v.Summary = "not evaluated"
	case n.Value != nil:
		v.Summary = n.Value.String()
	case n.Type == "scalar" || n.Type == "string":
	default:
		v.Summary = api.CountText(n.Total, "series")
	}
	for i := range n.Series {
		s := &n.Series[i]
		value := s.Value.String()
		switch {
		case s.Histogram != "":
			value = s.Histogram
		case n.Type == "matrix":
			value = api.CountText(int(s.Value), "sample")
		}
		v.Series = append(v.Series, newSeriesView(s.Labels, value))
	}
	for _, w := range n.Warnings {
		v.Warnings = append(v.Warnings, short(redact(w)))
	}
	for i := range n.Nodes {
		v.Nodes = append(v.Nodes, newNodeView(&n.Nodes[i]))
	}
	return v
}

// selectorView is one selector and what it finds.
type selectorView struct {
	Text, Found, Note string
	None              bool
	Window            string
	WindowNote        string
	Since             moment
}

func newSelectorView(s *api.Selector, now time.Time) selectorView {
	v := selectorView{Text: short(s.Text), Found: api.CountText(s.Matched, "series"), Note: short(s.Note), None: s.Matched == 0}
	if s.Matched < 0 {
		v.Found = "not evaluated"
	}
	if w := s.Window; w != nil {
		v.Window = fmt.Sprintf("%s: %s, %d to %d a series, %d expected", spanText(api.Seconds(w.Range)), api.CountText(w.Samples, "sample"), w.Fewest, w.Most, w.Expected)
		v.WindowNote, v.Since = short(w.Note), moment{w.Since, now}
	}
	return v
}

// evaluationView is one of the last evaluations.
type evaluationView struct {
	At     moment
	Took   string
	Series int
	By     string
	Error  string
}

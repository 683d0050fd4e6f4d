package replay

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/rules"
)

// Alert is one alert that would have fired, from its start to its end.
type Alert struct {
	File, Group string
	Rule        *rules.Rule
	Labels      labels.Labels
	// ActiveAt is when the expression first returned it, Start when it began to
	// fire, both maybe before the replay's start.
	ActiveAt, Start time.Time
	// End is when it resolved; if Firing, the last evaluation, after which it
	// fires on.
	End    time.Time
	Firing bool
	// Peak is the worst value: the lowest where the expression asks for what is
	// below a limit, else the highest.
	Peak float64
	// Held is how long it was held for want of evidence.
	Held time.Duration
}

// Duration is from start to end.
func (a *Alert) Duration() time.Duration { return a.End.Sub(a.Start) }

// Failure is a rule whose evaluation ended in an error, once or more.
type Failure struct {
	File, Group string
	Rule        *rules.Rule
	// Count of Evaluations failed, the first one at First.
	Count, Evaluations int
	First              time.Time
	// Err is the last error.
	Err string
}

// tracker follows the states of alerts through the evaluations.
type tracker struct {
	open        map[alertID]*Alert
	ended       []Alert
	seen        map[*rules.Rule]*Failure // Count is zero if it never failed
	evaluations int
}

type alertID struct {
	rule *rules.Rule
	fp   alert.Fingerprint
}

func newTracker() *tracker {
	return &tracker{open: map[alertID]*Alert{}, seen: map[*rules.Rule]*Failure{}}
}

// observe takes the state of a group after an evaluation.
func (tr *tracker) observe(g engine.GroupStatus) {
	for i := range g.Rules {
		r := &g.Rules[i]
		tr.evaluations++
		tr.note(&g, r)
		for j := range r.Alerts {
			tr.follow(&g, r, &r.Alerts[j])
		}
	}
}

// note counts the rule's evaluations and errors.
func (tr *tracker) note(g *engine.GroupStatus, r *engine.RuleStatus) {
	f := tr.seen[r.Rule]
	if f == nil {
		f = &Failure{File: g.File, Group: g.Name, Rule: r.Rule}
		tr.seen[r.Rule] = f
	}
	f.Evaluations++
	if r.Health != engine.HealthErr {
		return
	}
	if f.Count == 0 {
		f.First = g.LastEvaluation
	}
	f.Count++
	f.Err = r.LastError
}

// follow opens, goes on with or ends what is known of an alert.
func (tr *tracker) follow(g *engine.GroupStatus, r *engine.RuleStatus, a *alert.Alert) {
	if a.State == alert.Pending {
		return
	}
	id := alertID{r.Rule, a.Fingerprint()}
	e := tr.open[id]
	if a.State == alert.Inactive {
		if e != nil {
			e.End, e.Firing = a.ResolvedAt, false
			tr.ended = append(tr.ended, *e)
			delete(tr.open, id)
		}
		return
	}
	if e == nil {
		e = &Alert{
			File: g.File, Group: g.Name, Rule: r.Rule, Labels: a.Labels,
			ActiveAt: a.ActiveAt, Start: a.FiredAt, End: a.FiredAt, Firing: true, Peak: a.Value,
		}
		tr.open[id] = e
	}
	if !a.HeldSince.IsZero() {
		e.Held += g.LastEvaluation.Sub(e.End)
	}
	e.End = g.LastEvaluation
	if worse(a.Value, e.Peak, r.Rule) {
		e.Peak = a.Value
	}
}

// worse compares two values of a rule's expression. Anything is worse than NaN,
// which says nothing.
func worse(v, than float64, r *rules.Rule) bool {
	if math.IsNaN(than) {
		return !math.IsNaN(v)
	}
	if lowIsWorse(r.Expr) {
		return v < than
	}
	return v > than
}

// alerts are those that fired after from, by their start.
func (tr *tracker) alerts(from time.Time) []Alert {
	all := slices.Clone(tr.ended)
	for _, e := range tr.open {
		all = append(all, *e)
	}
	all = slices.DeleteFunc(all, func(a Alert) bool { return a.End.Before(from) })
	slices.SortFunc(all, func(a, b Alert) int {
		return cmp.Or(a.Start.Compare(b.Start), labels.Compare(a.Labels, b.Labels), cmp.Compare(a.File, b.File),
			cmp.Compare(a.Group, b.Group), cmp.Compare(a.Rule.Pos.Line, b.Rule.Pos.Line), cmp.Compare(a.Rule.Pos.Column, b.Rule.Pos.Column))
	})
	return all
}

// failures are the rules that failed, in the order of the groups.
func (tr *tracker) failures(groups []rules.Group) []Failure {
	var out []Failure
	for _, g := range groups {
		for i := range g.Rules {
			if f := tr.seen[&g.Rules[i]]; f != nil && f.Count > 0 {
				out = append(out, *f)
			}
		}
	}
	return out
}

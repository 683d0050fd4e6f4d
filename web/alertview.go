package web

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
)

// maxText bounds one label, annotation or error on the page.
const maxText = 2000

// alertView is one alert as the page shows it.
type alertView struct {
	Name, Severity string
	// Tone is the severity's colour.
	Tone   tone
	Labels []pair // without alertname and severity
	// Summary and Description are the annotations of these names.
	Summary, Description string
	Annotations          []annotationView // the others
	Value                string
	// Since is when it became firing, or pending; Due is when a pending alert fires.
	Since, Due, Resolved moment
	Lasted               string
	KeptSince, HeldSince moment
	Expr, Graph          string
	Group, Place         string
	rank                 int
}

type pair struct{ Name, Value string }

type annotationView struct{ Name, Text, Link string }

// alertLists are the alerts of a snapshot in the order in which a reader wants
// them: the worst first, then the latest.
type alertLists struct {
	firing, pending, resolved []alertView
	// quiet alerts do not count as firing.
	quiet []alertView
}

// isQuiet is true for alerts that fire always and by design, like a watchdog:
// severity "none" is the custom for them.
func isQuiet(ls labels.Labels) bool { return ls.Get("severity") == "none" }

func newAlertLists(s *engine.Snapshot, now time.Time) alertLists {
	var l alertLists
	for i := range s.Groups {
		g := &s.Groups[i]
		for j := range g.Rules {
			r := &g.Rules[j]
			for k := range r.Alerts {
				v := newAlertView(g, r, &r.Alerts[k], now)
				switch state := r.Alerts[k].State; {
				case state == alert.Firing && isQuiet(r.Alerts[k].Labels):
					l.quiet = append(l.quiet, v)
				case state == alert.Firing:
					l.firing = append(l.firing, v)
				case state == alert.Pending:
					l.pending = append(l.pending, v)
				default:
					l.resolved = append(l.resolved, v)
				}
			}
		}
	}
	urgent := func(a, b alertView) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), b.Since.at.Compare(a.Since.at))
	}
	slices.SortStableFunc(l.firing, urgent)
	slices.SortStableFunc(l.pending, urgent)
	slices.SortStableFunc(l.resolved, func(a, b alertView) int { return b.Resolved.at.Compare(a.Resolved.at) })
	return l
}

func newAlertView(g *engine.GroupStatus, r *engine.RuleStatus, a *alert.Alert, now time.Time) alertView {
	v := alertView{
		Name:     short(a.Labels.Get(labels.AlertName)),
		Severity: short(a.Labels.Get("severity")),
		Value:    valueText(a.Value),
		Since:    moment{a.FiredAt, now},
		Resolved: moment{a.ResolvedAt, now},
		Expr:     r.Rule.ExprText,
		Graph:    graphLink(r.Rule.ExprText, time.Time{}),
		Group:    g.Name,
		Place:    fmt.Sprintf("%s:%d", g.File, r.Rule.Pos.Line),
	}
	v.rank, v.Tone = severity(v.Severity)
	if a.State == alert.Pending || a.FiredAt.IsZero() || a.FiredAt.After(now) { // by a clock that was wrong
		v.Since = moment{a.ActiveAt, now}
	}
	if a.State == alert.Pending {
		v.Due = moment{a.ActiveAt.Add(r.Rule.For), now}
	}
	if a.State != alert.Inactive {
		v.KeptSince, v.HeldSince = moment{a.KeepFiringSince, now}, moment{a.HeldSince, now}
	}
	if a.State == alert.Inactive && v.Since.Known() && v.Resolved.Known() {
		v.Lasted = spanText(a.ResolvedAt.Sub(v.Since.at))
		v.Graph = graphLink(r.Rule.ExprText, v.Since.at)
	}
	a.Labels.Range(func(l labels.Label) {
		if l.Name != labels.AlertName && l.Name != "severity" {
			v.Labels = append(v.Labels, pair{short(l.Name), short(l.Value)})
		}
	})
	a.Annotations.Range(func(l labels.Label) {
		switch l.Name {
		case "summary":
			v.Summary = short(l.Value)
		case "description":
			v.Description = short(l.Value)
		default:
			v.Annotations = append(v.Annotations, annotationView{short(l.Name), short(l.Value), webLink(l.Value)})
		}
	})
	return v
}

// severity gives the rank and the colour of the words in use for severities; a
// word that is not known ranks with warnings, so that it is not overlooked.
func severity(s string) (rank int, t tone) {
	switch strings.ToLower(s) {
	case "critical", "page", "emergency", "fatal", "disaster":
		return 0, toneBad
	case "error", "major", "high":
		return 1, toneBad
	case "info", "low", "notice", "debug":
		return 3, toneNeutral
	case "none":
		return 4, toneNeutral
	}
	return 2, toneWarn
}

// short bounds a text that somebody else has written.
func short(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}

// graphLink is the page that evaluates an expression, now or at a moment. It is
// relative, so that it works below a path prefix.
func graphLink(expr string, at time.Time) string {
	link := "graph?g0.expr=" + url.QueryEscape(expr) + "&g0.tab=1"
	if !at.IsZero() {
		link += "&g0.moment_input=" + url.QueryEscape(at.UTC().Format(time.RFC3339))
	}
	return link
}

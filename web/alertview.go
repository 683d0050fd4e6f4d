package web

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

// maxText bounds one label, annotation or error on the page.
const maxText = 2000

// alertView is one alert as the page shows it.
type alertView struct {
	// ID is the alert's on the page.
	ID             string
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
	// Why is the page that explains the rule.
	Why   string
	Chart chartView
	// Deliveries are what each Alertmanager knows of it.
	Deliveries []deliveryView
}

type pair struct{ Name, Value string }

type annotationView struct{ Name, Text, Link string }

func newAlertView(x *alertRef, now time.Time) alertView {
	g, r, a := x.group, x.rule, x.alert
	v := alertView{
		ID:       x.id(),
		Tone:     x.tone,
		Name:     short(a.Labels.Get(labels.AlertName)),
		Severity: short(a.Labels.Get("severity")),
		Value:    valueText(a.Value),
		Since:    moment{x.since(now), now},
		Resolved: moment{a.ResolvedAt, now},
		Expr:     r.Rule.ExprText,
		Graph:    graphLink(r.Rule.ExprText, time.Time{}),
		Group:    g.Name,
		Why:      whyLink(g, r),
		Chart:    newChartView(r, a),
		Place:    fmt.Sprintf("%s:%d", g.File, r.Rule.Pos.Line),
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

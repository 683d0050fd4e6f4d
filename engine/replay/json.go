package replay

import (
	"encoding/json"
	"io"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// The JSON of a report uses the names and forms of Prometheus's API: times in
// RFC 3339, values as strings, durations in seconds.
type reportJSON struct {
	From        time.Time     `json:"from"`
	To          time.Time     `json:"to"`
	Interval    float64       `json:"scrapeInterval"`
	Groups      int           `json:"groups"`
	Rules       int           `json:"rules"`
	Evaluations int           `json:"evaluations"`
	Alerts      []alertJSON   `json:"alerts"`
	Gaps        []gapJSON     `json:"gaps"`
	Failures    []failureJSON `json:"failures"`
}

type alertJSON struct {
	Name   string        `json:"name"`
	File   string        `json:"file"`
	Group  string        `json:"group"`
	Labels labels.Labels `json:"labels"`
	// State is firing if the alert would be firing still.
	State    string     `json:"state"`
	ActiveAt time.Time  `json:"activeAt"`
	Start    time.Time  `json:"startsAt"`
	End      *time.Time `json:"endsAt"` // null while it fires
	Duration float64    `json:"duration"`
	Held     float64    `json:"held"`
	Peak     string     `json:"peak"`
}

type gapJSON struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

type failureJSON struct {
	File        string    `json:"file"`
	Line        int       `json:"line"`
	Group       string    `json:"group"`
	Rule        string    `json:"rule"`
	Count       int       `json:"count"`
	Evaluations int       `json:"evaluations"`
	First       time.Time `json:"first"`
	LastError   string    `json:"lastError"`
}

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	out := reportJSON{
		From: r.From.UTC(), To: r.To.UTC(), Interval: r.Interval.Seconds(),
		Groups: r.Groups, Rules: r.Rules, Evaluations: r.Evaluations,
		Alerts: []alertJSON{}, Gaps: []gapJSON{}, Failures: []failureJSON{},
	}
	for i := range r.Alerts {
		a := &r.Alerts[i]
		one := alertJSON{
			Name: a.Rule.Alert, File: a.File, Group: a.Group, Labels: a.Labels, State: "firing",
			ActiveAt: a.ActiveAt.UTC(), Start: a.Start.UTC(), Duration: a.Duration().Seconds(), Held: a.Held.Seconds(),
			Peak: strconv.FormatFloat(a.Peak, 'f', -1, 64),
		}
		if !a.Firing {
			end := a.End.UTC()
			one.End, one.State = &end, "inactive"
		}
		out.Alerts = append(out.Alerts, one)
	}
	for _, g := range r.Gaps {
		out.Gaps = append(out.Gaps, gapJSON{g.From.UTC(), g.To.UTC()})
	}
	for _, f := range r.Failures {
		out.Failures = append(out.Failures, failureJSON{
			File: f.File, Line: f.Rule.Pos.Line, Group: f.Group, Rule: f.Rule.Name(),
			Count: f.Count, Evaluations: f.Evaluations, First: f.First.UTC(), LastError: f.Err,
		})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

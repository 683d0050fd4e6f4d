package web

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/engine/history"
)

const (
	// maxIncidents of an alert are listed; the bars show all.
	maxIncidents = 5
	// closest is how near, as a part of the whole, two bars may be before they are
	// drawn as one: less is not seen.
	closest = 0.004
	// maxBars bounds those of a page: where there are more, those farther from each
	// other are one too.
	maxBars = 3000
	// axisTicks fit below each other on a phone.
	axisTicks = 7
)

// pastName is the alerts of one name.
type pastName struct {
	Name string
	// Total is empty where one alert says it all.
	Total string
	// Why is empty if no rule has the name any more.
	Why   string
	Lanes []laneView
}

// laneView is one alert: its bars on the axis of time, and the same in words.
type laneView struct {
	Severity  string
	Tone      tone
	Labels    []pair // without alertname and severity
	Bars      []barView
	Total     string
	Incidents []incidentView
	// Earlier is the number of incidents that are not listed.
	Earlier int
}

// barView is in percent of the width, as SVG takes it.
type barView struct{ X, Width, Class, Text string }

type incidentView struct {
	From, To      moment
	State, Lasted string
	// Pending is how long, before it fired; empty if it fired at once, or never.
	Pending, Graph string
	Open           bool
}

type tickView struct{ X, Text string }

type gapView struct {
	X, Width string
	From, To moment
	Lasted   string
}

// timeScale says where a time is on the axis, and which two are near.
type timeScale struct {
	from, to time.Time
	near     float64
}

// at is from 0 to 1.
func (s timeScale) at(t time.Time) float64 {
	return min(max(float64(t.Sub(s.from))/float64(s.to.Sub(s.from)), 0), 1)
}

func percent(f float64) string { return strconv.FormatFloat(100*f, 'f', 2, 64) + "%" }

func (s timeScale) ticks() []tickView {
	step := history.AxisStep(s.to.Sub(s.from), axisTicks)
	var out []tickView
	for t := s.from.UTC().Truncate(step).Add(step); !t.After(s.to); t = t.Add(step) {
		text := t.Format("15:04")
		if t.Equal(t.Truncate(24 * time.Hour)) {
			text = t.Format("Jan 2")
		}
		x := s.at(t)
		if x < 0.04 || x > 0.96 { // half of it would be outside
			text = ""
		}
		out = append(out, tickView{percent(x), text})
	}
	return out
}

func newGapView(g history.Gap, s timeScale, now time.Time) gapView {
	return gapView{
		X: percent(s.at(g.From)), Width: percent(s.at(g.To) - s.at(g.From)),
		From: moment{g.From, now}, To: moment{g.To, now}, Lasted: spanText(g.To.Sub(g.From)),
	}
}

// newPastNames groups alerts by name, the most urgent first.
func newPastNames(alerts []history.Alert, s timeScale, src *source) []pastName {
	slices.SortStableFunc(alerts, byUrgency)
	s.near = closest
	for countBars(alerts, s) > maxBars {
		s.near *= 2
	}
	var names []string
	byName := map[string][]history.Alert{}
	for _, a := range alerts {
		name := a.Labels.Get(labels.AlertName)
		if byName[name] == nil {
			names = append(names, name)
		}
		byName[name] = append(byName[name], a)
	}
	var out []pastName
	for _, name := range names {
		p := pastName{Name: short(cmp.Or(name, "(no name)"))}
		if len(byName[name]) > 1 {
			p.Total = totalText(byName[name])
		}
		if g, r := ruleOf(src.snapshot, byName[name][0].Labels); r != nil {
			p.Why = whyLink(g, r)
		}
		for _, a := range byName[name] {
			p.Lanes = append(p.Lanes, newLaneView(a, s, src))
		}
		out = append(out, p)
	}
	return out
}

func newLaneView(a history.Alert, s timeScale, src *source) laneView {
	v := laneView{Severity: short(a.Labels.Get("severity")), Total: totalText([]history.Alert{a}), Bars: newBars(a, s)}
	_, v.Tone = severity(a.Labels.Get("severity"))
	a.Labels.Range(func(l labels.Label) {
		if l.Name != labels.AlertName && l.Name != "severity" {
			v.Labels = append(v.Labels, pair{short(l.Name), short(l.Value)})
		}
	})
	expr := fmt.Sprintf("ALERTS{alertname=%q}", short(a.Labels.Get(labels.AlertName)))
	if _, r := ruleOf(src.snapshot, a.Labels); r != nil && len(r.Rule.ExprText) <= maxText {
		expr = r.Rule.ExprText
	}
	for _, x := range slices.Backward(a.Incidents) {
		if len(v.Incidents) == maxIncidents {
			break
		}
		v.Incidents = append(v.Incidents, newIncidentView(x, expr, src.now))
	}
	v.Earlier = a.Earlier + len(a.Incidents) - len(v.Incidents)
	return v
}

func newIncidentView(x history.Incident, expr string, now time.Time) incidentView {
	v := incidentView{From: moment{x.Active, now}, To: moment{x.End, now}, State: "pending", Open: x.Open}
	if !x.Fired.IsZero() {
		v.From, v.State = moment{x.Fired, now}, "firing"
		if before := x.Fired.Sub(x.Active); before >= time.Second {
			v.Pending = spanText(before)
		}
	}
	v.Lasted = spanText(x.End.Sub(v.From.at))
	if !x.Open && !x.Resolved {
		v.State += " when it was last seen"
	}
	v.Graph = rangeLink(expr, v.From.at, x.End, now)
	return v
}

func countBars(alerts []history.Alert, s timeScale) int {
	n := 0
	for _, a := range alerts {
		n += len(newBars(a, s))
	}
	return n
}

// newBars are thin while the alert was pending, and thick while it fired.
func newBars(a history.Alert, s timeScale) []barView {
	_, t := severity(a.Labels.Get("severity"))
	var pending, firing barLine
	for _, x := range a.Incidents {
		fired := x.Fired
		if fired.IsZero() {
			fired = x.End
		}
		if x.Active.Before(fired) && fired.After(s.from) {
			pending.add(s, x.Active, fired)
		}
		if !x.Fired.IsZero() {
			firing.add(s, x.Fired, x.End)
		}
	}
	return append(pending.views("Pending", "pending "+string(t)), firing.views("Firing", string(t))...)
}

// barLine joins what is too close to be told apart.
type barLine []struct {
	x, end   float64
	from, to time.Time
	times    int
}

func (l *barLine) add(s timeScale, from, to time.Time) {
	x, end := s.at(from), s.at(to)
	if n := len(*l); n > 0 && x-(*l)[n-1].end < s.near {
		last := &(*l)[n-1]
		last.end, last.to = end, to
		last.times++
		return
	}
	*l = append(*l, struct {
		x, end   float64
		from, to time.Time
		times    int
	}{x, end, from, to, 1})
}

func (l barLine) views(what, class string) []barView {
	var out []barView
	for _, b := range l {
		text := fmt.Sprintf("%s from %s to %s (%s)", what, moment{at: b.from}.Absolute(), moment{at: b.to}.Absolute(), spanText(b.to.Sub(b.from)))
		if b.times > 1 {
			text = fmt.Sprintf("%s %d times from %s to %s", what, b.times, moment{at: b.from}.Absolute(), moment{at: b.to}.Absolute())
		}
		width := max(b.end-b.x, closest)
		out = append(out, barView{percent(min(b.x, 1-width)), percent(width), class, text})
	}
	return out
}

// totalText says how often alerts have fired, and how long in all.
func totalText(alerts []history.Alert) string {
	var fired, pending int
	var lasted time.Duration
	most := ""
	for _, a := range alerts {
		if a.Earlier > 0 {
			most = "more than "
		}
		for _, x := range a.Incidents {
			if x.Fired.IsZero() {
				pending++
				continue
			}
			fired++
			lasted += x.End.Sub(x.Fired)
		}
	}
	switch {
	case fired+pending == 0:
		return "never fired"
	case fired == 0:
		return fmt.Sprintf("pending %s%s, never fired", most, timesText(pending))
	}
	text := fmt.Sprintf("fired %s%s, %s in all", most, timesText(fired), spanText(lasted))
	if pending > 0 {
		text += ", only pending " + timesText(pending)
	}
	return text
}

func timesText(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

package web

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/tocsin/tocsin/engine"
)

const (
	// tabGraph and tabTable are Prometheus's words for what is shown.
	tabGraph = "0"
	tabTable = "1"
	// chartSteps are the steps of a chart whose reader has not said how long they are.
	chartSteps = 250
	// maxChartSteps bounds those of one who has: no screen shows more.
	maxChartSteps = 1000
	// maxSpan is a range beyond all that is stored.
	maxSpan = 10 * 365 * 24 * time.Hour
)

// spans are the ranges that one click leads to.
var spans = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 2 * 24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour, 28 * 24 * time.Hour,
}

func spanTexts() []string {
	var texts []string
	for _, d := range spans {
		texts = append(texts, model.Duration(d).String())
	}
	return texts
}

// graphForm is what the page at /graph is asked: the parameters of Prometheus's
// page, as links in alerts are made for that, as they were typed and as they are
// meant.
type graphForm struct {
	Expr, Tab, Moment, Range, Step string
	at                             time.Time
	span, step                     time.Duration
}

// newGraphForm reads the parameters; with a failure, Moment, Range or Step cannot
// be read.
func newGraphForm(q url.Values, now time.Time) (graphForm, *failure) {
	f := graphForm{
		Expr: q.Get("g0.expr"), Tab: tabTable, Range: cmp.Or(q.Get("g0.range_input"), "1h"),
		Moment: cmp.Or(q.Get("g0.moment_input"), q.Get("g0.end_input")), Step: cmp.Or(q.Get("g0.step_input"), q.Get("g0.res_step")),
		at: now,
	}
	if tab := q.Get("g0.tab"); tab == tabGraph || tab == "graph" {
		f.Tab = tabGraph
	}
	var err error
	if f.Moment != "" {
		if f.at, err = parseMoment(f.Moment); err != nil {
			return f, &failure{Title: "The time cannot be read", Text: short(err.Error())}
		}
	}
	if f.span, err = parseDuration(f.Range); err != nil {
		return f, &failure{Title: "The range cannot be read", Text: short(err.Error())}
	}
	if f.span < time.Second || f.span > maxSpan {
		return f, &failure{Title: "The range cannot be read", Text: fmt.Sprintf("%s is not between 1s and %s", short(f.Range), model.Duration(maxSpan))}
	}
	return f, f.readStep()
}

func (f *graphForm) readStep() (wrong *failure) {
	if f.Step == "" {
		f.step = max((f.span/chartSteps + time.Second - 1).Truncate(time.Second), time.Second)
		return nil
	}
	var err error
	if f.step, err = parseDuration(f.Step); err != nil {
		return &failure{Title: "The step cannot be read", Text: short(err.Error())}
	}
	if f.step < time.Millisecond || f.span/f.step > maxChartSteps {
		least := max((f.span/maxChartSteps + time.Second - 1).Truncate(time.Second), time.Second)
		return &failure{
			Title: "The step is too short",
			Text:  fmt.Sprintf("A chart has at most %d steps: for %s they are at least %s long", maxChartSteps, model.Duration(f.span), model.Duration(least)),
		}
	}
	return nil
}

// query is the range query of the chart.
func (f *graphForm) query() engine.Query {
	return engine.Query{Expr: f.Expr, Start: f.at.Add(-f.span), End: f.at, Step: f.step}
}

// graphMoves are the pages beside the one that is shown; empty where there are none.
type graphMoves struct{ Earlier, Later, Narrower, Wider string }

func (f *graphForm) moves(now time.Time) graphMoves {
	m := graphMoves{Earlier: f.link(f.at.Add(-f.span/2), now, f.span, f.Step)}
	if f.at.Before(now) {
		m.Later = f.link(f.at.Add(f.span/2), now, f.span, f.Step)
	}
	i, found := slices.BinarySearch(spans, f.span)
	if i > 0 {
		m.Narrower = f.link(f.at, now, spans[i-1], "")
	}
	if found {
		i++
	}
	if i < len(spans) {
		m.Wider = f.link(f.at, now, spans[i], "")
	}
	return m
}

// link is the chart of the expression up to a moment; none is named where that is
// now, so that it stays now.
func (f *graphForm) link(at, now time.Time, span time.Duration, step string) string {
	v := url.Values{"g0.expr": {f.Expr}, "g0.tab": {tabGraph}, "g0.range_input": {model.Duration(span).String()}}
	if step != "" {
		v.Set("g0.step_input", step)
	}
	if at.Before(now) {
		v.Set("g0.moment_input", at.UTC().Format(time.DateTime))
	}
	return "graph?" + v.Encode()
}

// rangeLink is the chart of an expression over a time, with some before and after.
func rangeLink(expr string, from, to, now time.Time) string {
	f := graphForm{Expr: expr}
	lasted := to.Sub(from)
	i, _ := slices.BinarySearch(spans, max(lasted+lasted/2, 30*time.Minute))
	span := spans[min(i, len(spans)-1)]
	return f.link(to.Add((span-lasted)/3), now, span, "")
}

package web

import (
	"cmp"
	"net/http"
	"time"

	"github.com/tocsin/tocsin/api"
)

// rulePage is the page at /rule: why one rule fires, or why it does not.
type rulePage struct {
	frame
	Name string
	// Failure is why there is nothing to explain.
	Failure     string
	Badge       ruleBadge
	Answer      string
	Tone        tone
	Details     []string
	Rule        api.Rule
	Terms       []pair
	Expr, Graph string
	Chart       chartView
	At          moment
	Comparisons []comparisonView
	Root        *nodeView
	Skipped     string
	Selectors   []selectorView
	Alerts      section
	Evaluations []evaluationView
}

// ruleBadge is the state of a rule; its names are those that the badge template has.
type ruleBadge struct {
	State string
	Tone  tone
}

// rulePage explains the rule of the parameters rule, group, file and line.
func (h *Handler) rulePage(w http.ResponseWriter, r *http.Request) {
	src := h.source()
	name := short(r.URL.Query().Get("rule"))
	p := rulePage{frame: src.frame("rules", cmp.Or(name, "Rule")), Name: name}
	c, e := newRuleChoice(r.URL.Query())
	if e == nil {
		var x *api.Explanation
		if x, e = h.explanation(r.Context(), c); e == nil {
			h.fillRule(&p, x, c, src)
		}
	}
	code := http.StatusOK
	if e != nil {
		p.Failure, code = short(redact(e.err.Error())), e.status()
	}
	h.views.render(w, code, "rule", p)
}

func (h *Handler) fillRule(p *rulePage, x *api.Explanation, c ruleChoice, src *source) {
	p.Answer, p.Details, p.Rule, p.Expr, p.Skipped = short(x.Answer), x.Details, x.Rule, x.Expr, x.Skipped
	p.Graph, p.At = graphLink(x.Expr, time.Time{}), moment{x.At, src.now}
	for _, t := range []struct {
		name    string
		seconds float64
	}{{"for", x.For}, {"keep_firing_for", x.KeepFiringFor}, {"query_offset", x.QueryOffset}, {"interval", x.Interval}} {
		if t.seconds > 0 {
			p.Terms = append(p.Terms, pair{t.name, spanText(api.Seconds(t.seconds))})
		}
	}
	if g, r, e := h.find(c); e == nil {
		p.Badge.State, p.Badge.Tone = ruleState(r)
		p.Tone, p.Chart = p.Badge.Tone, newRuleChart(r)
		p.Alerts = section{Shown: h.alertViews(alertsOf(g, r, src.now), src.now), Total: len(r.Alerts)}
	}
	for i := range x.Comparisons {
		p.Comparisons = append(p.Comparisons, newComparisonView(&x.Comparisons[i]))
	}
	if x.Expression != nil {
		p.Root = newNodeView(x.Expression)
	}
	for i := range x.Selectors {
		p.Selectors = append(p.Selectors, newSelectorView(&x.Selectors[i], src.now))
	}
	for i := range x.Evaluations {
		e := &x.Evaluations[i]
		text := short(e.Error)
		if i > 0 && text != "" && e.Error == x.Evaluations[i-1].Error {
			text = "failed the same way"
		}
		p.Evaluations = append(p.Evaluations, evaluationView{
			At: moment{e.At, src.now}, Took: spanText(api.Seconds(e.Took)), Series: e.Series, By: e.By, Error: text,
		})
	}
}

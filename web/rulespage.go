package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/common/model"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
)

// rulesPage is the page at /rules: what is evaluated, and how that goes.
type rulesPage struct {
	frame
	// Rejected are the problems of rule files.
	Rejected []Problem
	Files    []fileView
}

func (h *Handler) rulesPage(w http.ResponseWriter, _ *http.Request) {
	src := h.source()
	p := rulesPage{frame: src.frame("rules", "Rules"), Files: newFileViews(src.snapshot, src.now)}
	for _, x := range newProblems(&src.status) {
		if x.Kind == RuleFileProblem {
			p.Rejected = append(p.Rejected, x)
		}
	}
	h.views.render(w, http.StatusOK, "rules", p)
}

// fileView is a rule file and what it holds.
type fileView struct {
	Path   string
	Groups []groupView
}

type groupView struct {
	// ID is the group's on the page.
	ID        string
	Name      string
	Rules     []ruleView
	Count     string
	Every     string
	Evaluated moment
	Took      string
	// Failing and Firing are numbers of rules; a group with either stands open.
	Failing, Firing int
}

type ruleView struct {
	Name, Expr, Graph, Why string
	// Terms are for, keep_firing_for and labels, as in the file.
	Terms []pair
	State string
	Tone  tone
	// Error is empty if the rule is well, Place is file:line:column.
	Error, Place string
	Evaluated    moment
	Took         string
}

// newFileViews groups the snapshot by file, in its order.
func newFileViews(s *engine.Snapshot, now time.Time) []fileView {
	var files []fileView
	for i := range s.Groups {
		g := &s.Groups[i]
		if len(files) == 0 || files[len(files)-1].Path != g.File {
			files = append(files, fileView{Path: g.File})
		}
		v := groupView{
			ID:        groupToken(g)[:12],
			Name:      g.Name,
			Count:     countText(len(g.Rules), "rule"),
			Every:     spanText(g.Interval),
			Evaluated: moment{g.LastEvaluation, now},
			Took:      spanText(g.EvaluationTime),
		}
		for j := range g.Rules {
			r := &g.Rules[j]
			if r.Health == engine.HealthErr {
				v.Failing++
			}
			if r.Rule.Alert != "" && r.State == alert.Firing && !isQuiet(r.Rule.Labels) {
				v.Firing++
			}
			v.Rules = append(v.Rules, newRuleView(g, r, now))
		}
		file := &files[len(files)-1]
		file.Groups = append(file.Groups, v)
	}
	return files
}

func newRuleView(g *engine.GroupStatus, r *engine.RuleStatus, now time.Time) ruleView {
	v := ruleView{
		Name:      r.Rule.Name(),
		Expr:      r.Rule.ExprText,
		Graph:     graphLink(r.Rule.ExprText, time.Time{}),
		Why:       whyLink(g, r),
		Error:     short(redact(r.LastError)),
		Place:     fmt.Sprintf("%s:%d:%d", g.File, r.Rule.Pos.Line, r.Rule.Pos.Column),
		Evaluated: moment{r.LastEvaluation, now},
		Took:      spanText(r.EvaluationTime),
	}
	if r.Rule.For > 0 {
		v.Terms = append(v.Terms, pair{"for", model.Duration(r.Rule.For).String()})
	}
	if r.Rule.KeepFiringFor > 0 {
		v.Terms = append(v.Terms, pair{"keep_firing_for", model.Duration(r.Rule.KeepFiringFor).String()})
	}
	v.State, v.Tone = ruleState(r)
	return v
}

func ruleState(r *engine.RuleStatus) (string, tone) {
	switch {
	case r.Health == engine.HealthErr:
		return "failing", toneBad
	case r.Health == engine.HealthUnknown || r.LastEvaluation.IsZero():
		return "not evaluated yet", toneNeutral
	case r.Rule.Alert == "":
		return "recording", toneGood
	case r.State == alert.Firing && isQuiet(r.Rule.Labels):
		return "firing", toneNeutral
	case r.State == alert.Firing:
		return "firing", toneBad
	case r.State == alert.Pending:
		return "pending", toneWarn
	}
	return "inactive", toneGood
}

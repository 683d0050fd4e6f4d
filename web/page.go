package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
)

// maxShown bounds each list on the page; the API has all.
const maxShown = 200

// frame is what all pages share.
type frame struct {
	Title, Version string
	Host           []pair
	Now            moment
	Tone           tone
}

// page is the status page.
type page struct {
	frame
	Headline      headline
	Problems      []Problem
	Firing        bounded[alertView]
	Pending       bounded[alertView]
	Resolved      bounded[alertView]
	Quiet         []alertView
	Targets       []targetView
	Alertmanagers []alertmanagerView
	Storage       storageView
	Files         []fileView
	Settings      []Setting
	Changed       int
}

// bounded is a list cut to maxShown.
type bounded[T any] struct {
	Shown []T
	Total int
}

func newBounded[T any](list []T) bounded[T] {
	return bounded[T]{list[:min(len(list), maxShown)], len(list)}
}

// More is the number of those that are not shown.
func (b bounded[T]) More() int { return b.Total - len(b.Shown) }

// status is the page at /.
func (h *Handler) status(w http.ResponseWriter, _ *http.Request) {
	st := h.opts.Status()
	h.views.render(w, http.StatusOK, "status", newPage(&st, h.snapshot(), h.opts.Now()))
}

func newPage(st *Status, s *engine.Snapshot, now time.Time) page {
	alerts := newAlertLists(s, now)
	p := page{
		Problems: make([]Problem, 0, len(st.Problems)),
		Firing:   newBounded(alerts.firing),
		Pending:  newBounded(alerts.pending),
		Resolved: newBounded(alerts.resolved),
		Quiet:    newBounded(alerts.quiet).Shown,
		Storage:  newStorageView(&st.Storage, &st.Process, now),
		Settings: make([]Setting, 0, len(st.Settings)),
		Files:    newFileViews(s, now),
	}
	for _, x := range st.Problems {
		p.Problems = append(p.Problems, Problem{short(x.Kind), short(redact(x.Where)), short(redact(x.Text)), short(redact(x.Hint))})
	}
	for i := range st.Targets {
		p.Targets = append(p.Targets, newTargetView(&st.Targets[i], now))
	}
	for i := range st.Alertmanagers {
		p.Alertmanagers = append(p.Alertmanagers, newAlertmanagerView(&st.Alertmanagers[i], now))
	}
	for _, x := range st.Settings {
		p.Settings = append(p.Settings, Setting{Name: x.Name, Value: short(redact(x.Value)), Source: x.Source})
		if x.Source != "default" {
			p.Changed++
		}
	}
	f := newFacts(st, s, alerts)
	p.Headline = newHeadline(st, s, f, now)
	p.frame = newFrame(st, now)
	p.Tone = p.Headline.Tone
	if f.firing > 0 {
		p.Title = fmt.Sprintf("(%d) %s", f.firing, p.Title)
	}
	return p
}

func newFrame(st *Status, now time.Time) frame {
	f := frame{Title: "Tocsin", Version: st.Version, Now: moment{now, now}, Tone: toneNeutral}
	st.ExternalLabels.Range(func(l labels.Label) {
		f.Host = append(f.Host, pair{short(l.Name), short(l.Value)})
	})
	if host := st.ExternalLabels.Get("host"); host != "" {
		f.Title = "Tocsin on " + short(host)
	}
	return f
}

func newFacts(st *Status, s *engine.Snapshot, alerts alertLists) facts {
	f := facts{
		firing:        len(alerts.firing),
		pending:       len(alerts.pending),
		groups:        len(s.Groups),
		problems:      len(st.Problems),
		targets:       len(st.Targets),
		alertmanagers: len(st.Alertmanagers),
	}
	if st.Storage.Trouble != "" {
		f.problems++
	}
	for i := range alerts.firing {
		f.critical = f.critical || alerts.firing[i].Tone == toneBad
	}
	for i := range s.Groups {
		f.rules += len(s.Groups[i].Rules)
		for j := range s.Groups[i].Rules {
			if s.Groups[i].Rules[j].Health == engine.HealthErr {
				f.failingRules++
			}
		}
	}
	for i := range st.Targets {
		switch st.Targets[i].Health {
		case Up:
			f.up++
		case Down:
			f.down++
		case Unknown:
		}
	}
	for i := range st.Alertmanagers {
		f.undelivered = max(f.undelivered, st.Alertmanagers[i].Pending)
		if st.Alertmanagers[i].LastError != "" {
			f.failing++
		}
	}
	return f
}

// fileView is a rule file and what it holds.
type fileView struct {
	Path   string
	Groups []groupView
}

type groupView struct {
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
	Name, Expr, Graph string
	// Terms are for, keep_firing_for and labels, as in the file.
	Terms     []pair
	State     string
	Tone      tone
	Error     string
	Evaluated moment
	Took      string
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
			v.Rules = append(v.Rules, newRuleView(r, now))
		}
		file := &files[len(files)-1]
		file.Groups = append(file.Groups, v)
	}
	return files
}

func newRuleView(r *engine.RuleStatus, now time.Time) ruleView {
	v := ruleView{
		Name:      r.Rule.Name(),
		Expr:      r.Rule.ExprText,
		Graph:     graphLink(r.Rule.ExprText, time.Time{}),
		Error:     short(redact(r.LastError)),
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

package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/engine"
)

// story makes sentences of what is known.
type story struct {
	g       *engine.GroupStatus
	rule    *engine.RuleStatus
	insight *engine.Insight
	opts    *Options
	root    *part // nil where there is no expression
	holds   []api.Hold
}

// tell gives the answer to why the rule fires or not, and what goes with it.
func (s *story) tell() (answer string, _ []string) {
	r, details := s.rule, []string{}
	told := "" // the kind of hold that the answer is about
	firing, pending := s.alerts(alert.Firing), s.alerts(alert.Pending)
	switch {
	case r.LastEvaluation.IsZero():
		answer = s.unevaluated()
	case r.Health == engine.HealthErr && r.HeldBack == 0:
		answer, told = s.fails(len(firing)+len(pending)), holdError
	case r.Rule.Alert == "":
		answer = s.records()
	case len(firing) > 0:
		answer = s.fires(firing)
		if len(pending) > 0 {
			details = append(details, s.waits(pending))
		}
	case len(pending) > 0:
		answer = s.waits(pending)
	case r.HeldBack > 0:
		answer, told = sentence("Does not fire: "+cut(r.LastError)), holdLimit
	default:
		answer = sentence("Does not fire: " + s.whyNot())
	}
	for _, h := range s.holds {
		if h.Kind != told && !strings.Contains(answer, h.Text) {
			details = append(details, sentence(upper(h.Text)))
		}
	}
	return answer, append(details, s.ended()...)
}

func (s *story) alerts(state alert.State) (as []*alert.Alert) {
	for i := range s.rule.Alerts {
		if a := &s.rule.Alerts[i]; a.State == state {
			as = append(as, a)
		}
	}
	return as
}

func (s *story) unevaluated() string {
	switch in := s.insight; {
	case !s.opts.PausedSince.IsZero():
		return "Not evaluated yet: evaluations are paused since " + s.moment(s.opts.PausedSince) + "."
	case in.Scraped.IsZero():
		return "Not evaluated yet: nothing has been scraped since the start."
	}
	return "Not evaluated yet: its first evaluation is to come, every " + api.SpanText(s.g.Interval) + "."
}

func (s *story) fails(alerts int) string {
	since, atLeast := failsSince(s.rule, s.insight)
	text := "Fails since "
	if atLeast {
		text += "before "
	}
	text = sentence(text + s.moment(since) + ": " + cut(s.rule.LastError))
	if alerts > 0 {
		text += fmt.Sprintf(" Its %s %s as before for %s at most.", api.CountText(alerts, "alert"), stays(alerts), api.SpanText(s.insight.HoldLimit))
	}
	return text
}

func stays(n int) string {
	if n == 1 {
		return "stays"
	}
	return "stay"
}

// failsSince is the first of the evaluations that have failed without a break, as
// far as they are remembered; atLeast says that more of them may be forgotten.
func failsSince(r *engine.RuleStatus, in *engine.Insight) (since time.Time, atLeast bool) {
	since = r.LastEvaluation
	i := len(in.Evaluations) - 1
	for ; i >= 0 && in.Evaluations[i].Error != ""; i-- {
		since = in.Evaluations[i].At
	}
	return since, i < 0 && len(in.Evaluations) >= engine.KeptEvaluations
}

func (s *story) records() string {
	if n := s.returned(); n > 0 {
		return fmt.Sprintf("Records %s.", countSeries(n))
	}
	return sentence("Records nothing: " + s.whyNot())
}

// returned is how many elements the last evaluation has found.
func (s *story) returned() int {
	if evs := s.insight.Evaluations; len(evs) > 0 {
		return evs[len(evs)-1].Series
	}
	return 0
}

func (s *story) whyNot() string {
	switch p := s.root; {
	case p == nil:
		return "the rule cannot be read"
	case p.known && (len(p.vec) > 0 || p.scalar != nil):
		return "its last evaluation returned nothing, though " + p.because() + " by now"
	case p.node.Skipped != "":
		return "the expression returns nothing (" + p.node.Skipped + ")"
	case p.node.Error != "":
		return p.node.Error
	}
	return s.root.whyNothing()
}

func (s *story) fires(as []*alert.Alert) string {
	first, held, kept := as[0], 0, 0
	for _, a := range as {
		if a.FiredAt.Before(first.FiredAt) {
			first = a
		}
		if !a.HeldSince.IsZero() {
			held++
		} else if !a.KeepFiringSince.IsZero() {
			kept++
		}
	}
	text := "Fires since " + s.moment(first.FiredAt)
	if len(as) > 1 {
		text = fmt.Sprintf("%d alerts fire, the first since %s", len(as), s.moment(first.FiredAt))
	}
	switch {
	case held == len(as):
		return sentence(text + ", held since " + s.moment(first.HeldSince) + ": " + s.whyHeld())
	case kept == len(as):
		until := first.KeepFiringSince.Add(s.rule.Rule.KeepFiringFor)
		return fmt.Sprintf("%s, but the expression has not returned it since %s: keep_firing_for holds it until %s.",
			text, s.moment(first.KeepFiringSince), s.moment(until))
	}
	return sentence(text + ": " + s.because())
}

func (s *story) because() string {
	if p := s.root; p != nil && p.known && (len(p.vec) > 0 || p.scalar != nil) {
		return p.because()
	}
	return "the expression returned " + countSeries(s.returned())
}

// waits tells of pending alerts.
func (s *story) waits(as []*alert.Alert) string {
	next := as[0]
	for _, a := range as {
		if a.ActiveAt.Before(next.ActiveAt) {
			next = a
		}
	}
	elapsed, hold := s.rule.LastEvaluation.Sub(next.ActiveAt), s.rule.Rule.For
	text := fmt.Sprintf("Pending: %s of %s", api.SpanText(elapsed), api.SpanText(hold))
	if len(as) > 1 {
		text = fmt.Sprintf("%d alerts pending, the first for %s of %s", len(as), api.SpanText(elapsed), api.SpanText(hold))
	}
	if !next.HeldSince.IsZero() {
		return sentence(text + ", held since " + s.moment(next.HeldSince) + ": " + s.whyHeld())
	}
	return sentence(fmt.Sprintf("%s, fires %s: %s", text, s.moment(next.ActiveAt.Add(hold)), s.because()))
}

// whyHeld is the first of the reasons.
func (s *story) whyHeld() string {
	if len(s.holds) > 0 {
		return s.holds[0].Text
	}
	return "there was no fresh data to tell its end"
}

// ended tells when the last of the alerts that are over has ended.
func (s *story) ended() []string {
	var last time.Time
	for _, a := range s.alerts(alert.Inactive) {
		if a.ResolvedAt.After(last) {
			last = a.ResolvedAt
		}
	}
	if last.IsZero() {
		return nil
	}
	return []string{"The last alert ended " + s.moment(last) + "."}
}

// moment is a time as a sentence has it: when, and how far from now.
func (s *story) moment(at time.Time) string {
	d, layout := s.opts.Now.Sub(at), "15:04:05 UTC"
	if d.Abs() >= 24*time.Hour {
		layout = "2006-01-02 " + layout
	}
	text := at.UTC().Format(layout)
	switch {
	case d >= time.Second:
		return text + " (" + api.SpanText(d) + " ago)"
	case d <= -time.Second:
		return text + " (in " + api.SpanText(-d) + ")"
	}
	return text
}

// sentence ends a text, unless it ends by itself.
func sentence(s string) string {
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "?") || strings.HasSuffix(s, "!") {
		return s
	}
	return s + "."
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

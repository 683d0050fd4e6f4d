package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/tocsin/tocsin/engine"
)

// tone is how a thing is to be taken; it is the name of a CSS class, never the
// only sign.
type tone string

const (
	toneGood    tone = "good"
	toneWarn    tone = "warn"
	toneBad     tone = "bad"
	toneNeutral tone = "neutral"
)

// waitingText is what an idle process does.
const waitingText = "waiting for the Docker engine"

// lateAfter is the number of intervals without an evaluation that is too many;
// lateSlack is for a machine that is merely slow.
const (
	lateAfter = 3
	lateSlack = 30 * time.Second
)

// headline is the answer to "what is the situation": one line, and one more for
// what goes with it.
type headline struct {
	Tone   tone
	Text   string
	Detail string
}

// facts are what the headline is made from.
type facts struct {
	firing, pending, held  int
	critical               bool // one of those that fire
	groups, rules          int
	problems               int
	failingRules           int
	targets, up, down      int
	alertmanagers, failing int
	undelivered            int // alerts
}

func newHeadline(st *Status, s *engine.Snapshot, f facts, now time.Time) headline {
	h := headline{Tone: toneGood, Text: "Nothing fires"}
	if f.problems+f.failingRules+f.down+f.failing > 0 {
		h.Tone, h.Text = toneWarn, "Nothing fires, but something needs attention"
	}
	if f.firing > 0 {
		h.Text = countText(f.firing, "alert") + " firing"
		h.Tone = toneWarn
		if f.critical {
			h.Tone = toneBad
		}
	}
	why := notEvaluating(st, s, f, now)
	if why != "" {
		h = headline{Tone: toneBad, Text: "Not evaluating: " + why}
		if st.State == Idle || starting(st, s, now) {
			h.Tone = toneNeutral
		}
	}
	details := f.details(why != "")
	if st.State == Paused {
		details = append([]string{"since " + moment{st.Since, now}.Absolute()}, details...)
	}
	h.Detail = strings.Join(details, " · ")
	h.Detail = strings.ToUpper(h.Detail[:1]) + h.Detail[1:]
	return h
}

// notEvaluating says why nothing on the page can be trusted to be current, or
// nothing if it can.
func notEvaluating(st *Status, s *engine.Snapshot, f facts, now time.Time) string {
	switch {
	case st.State == Idle:
		return waitingText
	case st.State == Paused:
		return "paused for " + spanText(now.Sub(st.Since))
	case starting(st, s, now):
		return "just started, the first evaluation is to come"
	case f.rules == 0:
		return "no rules are loaded"
	case s.At.IsZero():
		return fmt.Sprintf("no evaluation since the start %s", moment{st.Since, now}.Relative())
	}
	interval := s.Groups[0].Interval
	for i := range s.Groups {
		interval = min(interval, s.Groups[i].Interval)
	}
	if now.Sub(s.At) > lateAfter*interval+lateSlack {
		return "the last evaluation was " + moment{s.At, now}.Relative()
	}
	return ""
}

// starting is true while it is too early to expect an evaluation since the start
// or the end of a pause: the storage may be reading its log, and the first scrape
// has to come before.
func starting(st *Status, s *engine.Snapshot, now time.Time) bool {
	return st.State == Running && s.At.Before(st.Since) && now.Sub(st.Since) <= lateSlack
}

// details are what the line below the headline lists: what is not well, or else
// how much is.
func (f facts) details(stopped bool) []string {
	var out []string
	add := func(n int, text string) {
		if n > 0 {
			out = append(out, text)
		}
	}
	if stopped {
		add(f.firing, countText(f.firing, "alert")+" firing when it stopped")
	}
	add(f.pending, countText(f.pending, "alert")+" pending")
	add(f.held, countText(f.held, "alert")+" held")
	add(f.problems, countText(f.problems, "problem"))
	add(f.failingRules, countText(f.failingRules, "rule")+" failing")
	add(f.down, fmt.Sprintf("%d of %s down", f.down, countText(f.targets, "target")))
	switch {
	case f.alertmanagers == 0:
		out = append(out, "nobody is notified: no Alertmanager is configured")
	case f.failing > 0:
		out = append(out, fmt.Sprintf("%d of %s cannot be reached", f.failing, countText(f.alertmanagers, "Alertmanager")))
		add(f.undelivered, countText(f.undelivered, "notification")+" waiting")
	}
	if len(out) == 0 {
		out = append(out, fmt.Sprintf("%s in %s, %s up", countText(f.rules, "rule"), countText(f.groups, "group"), countText(f.up, "target")))
	}
	return out
}

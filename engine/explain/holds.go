package explain

import (
	"fmt"
	"time"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/engine"
)

// Kinds of holds.
const (
	holdRule    = "rule"
	holdPause   = "pause"
	holdScrape  = "scrape"
	holdError   = "error"
	holdLimit   = "limit"
	holdGap     = "gap"
	holdData    = "data"
	holdStorage = "storage"
)

// listHolds lists what keeps the rule's alerts as they are, or out.
func (s *story) listHolds() []api.Hold {
	r, in := s.rule, s.insight
	held, active := heldSince(r), false
	for i := range r.Alerts {
		active = active || r.Alerts[i].State != alert.Inactive
	}
	out := []api.Hold{}
	add := func(when bool, kind, text string, since time.Time) {
		if when {
			out = append(out, api.Hold{Kind: kind, Text: text, Since: api.Instant(since)})
		}
	}
	add(in.Unreadable, holdRule, "the rule cannot be read any more, its alerts stay as they are until its file is repaired or removed", held)
	add(!s.opts.PausedSince.IsZero(), holdPause, "evaluations are paused since "+s.moment(s.opts.PausedSince), s.opts.PausedSince)
	if !in.WatchesAbsence && !in.Apart && !in.Scraped.IsZero() {
		add(!in.Up, holdScrape, s.scrapeFailed(), held)
		add(in.Up && in.Restoring, holdScrape, engineStarts, held)
	}
	out = append(out, s.missing(active)...)
	since, _ := failsSince(r, in)
	add(r.Health == engine.HealthErr && r.HeldBack == 0 && !in.Unreadable, holdError, "the last evaluation failed: "+cut(r.LastError), since)
	add(r.HeldBack > 0, holdLimit, fmt.Sprintf("%s held back: %s", countAre(r.HeldBack, "alert"), cut(r.LastError)), time.Time{})
	if until, missing := in.Gap(r.LastEvaluation.Add(-in.Offset), in.Window); missing && active {
		add(true, holdGap, fmt.Sprintf("samples are missing in the %s that the expression reads: what began before %s does not end for want of them",
			api.SpanText(in.Window), s.moment(until)), until)
	}
	add(!held.IsZero() && len(out) == 0, holdData, "a recording rule that the expression reads was not sure of its data", held)
	add(s.opts.StorageTrouble != "", holdStorage, "storage is degraded: "+cut(s.opts.StorageTrouble), time.Time{})
	return out
}

// scrapeFailed says what the last scrape did not bring.
func (s *story) scrapeFailed() string {
	text := "the target"
	if s.opts.Target != "" {
		text += " " + s.opts.Target
	}
	text += " could not be scraped at " + s.moment(s.insight.Scraped)
	if s.opts.TargetError != "" {
		text += ": " + cut(s.opts.TargetError)
	}
	return text
}

// missing tells of other targets that keep something from the rule.
func (s *story) missing(active bool) (out []api.Hold) {
	left := 0
	for _, m := range s.insight.Missing {
		switch {
		case !m.Until.IsZero() && !active:
		case len(out) == shownInText:
			left++
		case !m.Until.IsZero():
			out = append(out, api.Hold{Kind: holdGap, Since: api.Instant(m.Until), Text: fmt.Sprintf(
				"samples of %s are missing in the %s that the expression reads: what began before %s does not end for want of them",
				nameOf(&m), api.SpanText(m.Window), s.moment(m.Until))})
		default:
			out = append(out, api.Hold{Kind: holdScrape, Since: api.Instant(m.Since), Text: s.silence(&m)})
		}
	}
	if left > 0 {
		out = append(out, api.Hold{Kind: holdScrape, Text: fmt.Sprintf("so it is with %s", api.CountText(left, "other target"))})
	}
	return out
}

// silence says why nothing is known of a target.
func (s *story) silence(m *engine.Missing) string {
	switch {
	case m.Waiting:
		return nameOf(m) + " is not scraped yet"
	case m.Silent:
		return "nothing was heard of " + nameOf(m) + " since " + s.moment(m.Since)
	}
	return nameOf(m) + " did not answer since " + s.moment(m.Since)
}

func nameOf(m *engine.Missing) string {
	if m.Instance == "" {
		return m.Job
	}
	return m.Job + " (" + m.Instance + ")"
}

func countAre(n int, noun string) string { return api.CountText(n, noun) + " " + isAre(n) }

// heldSince is when the first of the alerts was held that still are; zero if none is.
func heldSince(r *engine.RuleStatus) (since time.Time) {
	for i := range r.Alerts {
		a := &r.Alerts[i]
		if a.State != alert.Inactive && !a.HeldSince.IsZero() && (since.IsZero() || a.HeldSince.Before(since)) {
			since = a.HeldSince
		}
	}
	return since
}

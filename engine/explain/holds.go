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
	if !in.WatchesAbsence && !in.Scraped.IsZero() {
		add(!in.Up, holdScrape, "the last scrape, at "+s.moment(in.Scraped)+", has failed, so that there is no fresh data to tell an end or a begin", held)
		add(in.Up && in.Restoring, holdScrape, "the Docker engine is starting, its counts mean nothing yet", held)
	}
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

package engine

import (
	"time"

	"github.com/tocsin/tocsin/rules"
)

// Insight is what is known of a rule beside its status: how it came to that, and what
// its next evaluation goes by.
type Insight struct {
	// Evaluations are the last ones, the oldest first. Those before the rule moved to
	// another group or file are not among them.
	Evaluations []Evaluation
	// Offset is how far before its timestamp an evaluation looks, Window how far back
	// from there the expression reads, through recording rules and all.
	Offset, Window time.Duration
	// WatchesAbsence: a failed scrape is evidence for the rule. NeedsTarget: it reads
	// what a failed scrape does not bring.
	WatchesAbsence, NeedsTarget bool
	// Unreadable: there are alerts, but no rule that could be read.
	Unreadable bool
	// Scraped is when the last scrape was committed, zero if none was since the
	// start; Up whether it succeeded, Restoring whether its counts mean nothing yet.
	Scraped       time.Time
	Up, Restoring bool
	// ScrapeInterval is the time between two scrapes, HoldLimit how long an alert is
	// held for want of evidence.
	ScrapeInterval, HoldLimit time.Duration
	// Apart: it reads nothing of the target of the ticks, whose failures are no matter.
	Apart bool
	// Missing are other targets of which it lacks something, those of which it has lacked
	// it for longest first.
	Missing []Missing
	// Running: evaluations go on. It is false in a pause.
	Running bool

	covered coverage
}

// Gap tells whether much is missing of the samples of a window that ends at a moment:
// so much that what it gives is no proof of an end. until is when samples began to
// come again.
func (in *Insight) Gap(at time.Time, window time.Duration) (until time.Time, missing bool) {
	whole, until := in.covered.complete(at, window)
	return until, !whole
}

// Insight tells of a rule of a Snapshot; false if it has been replaced since. It may be
// called by any goroutine.
func (e *Engine) Insight(r *rules.Rule) (Insight, bool) {
	for _, g := range *e.groups.Load() {
		for i, known := range g.insights {
			if known.rule == r {
				return e.insight(g, i), true
			}
		}
	}
	return Insight{}, false
}

func (e *Engine) insight(g *group, i int) Insight {
	known := g.insights[i]
	in := Insight{
		Evaluations: g.history.of(i), Offset: g.offset, Window: known.origin.window, WatchesAbsence: known.watchesAbsence,
		NeedsTarget: known.needsTarget, Unreadable: known.unreadable, ScrapeInterval: e.opts.ScrapeInterval,
		HoldLimit: e.opts.HoldLimit, Running: e.running.Load(), covered: e.coverage.Load().since(e.opts.Oldest()),
		Apart: !e.own.Load().feeds(known.origin).any,
	}
	if in.Apart {
		in.covered = e.ticked.Load().since(e.opts.Oldest())
	}
	if t := e.lastTick.Load(); t != nil {
		in.Scraped, in.Up, in.Restoring = t.At, t.Up, t.Restoring
		in.Missing = e.missing(&known, t.At.Add(-g.offset))
	}
	return in
}

// ruleInsight is what trace has found out of a rule. Rules that cannot be read outlive
// their group, so that readers may not look at the rules themselves.
type ruleInsight struct {
	rule                                    *rules.Rule
	origin                                  *origin
	watchesAbsence, needsTarget, unreadable bool
}

func insightsOf(rs []rule) []ruleInsight {
	out := make([]ruleInsight, len(rs))
	for i, r := range rs {
		out[i].rule = r.base().rule
		switch r := r.(type) {
		case *alertingRule:
			out[i].origin, out[i].unreadable = r.origin, r.ghost
			out[i].watchesAbsence, out[i].needsTarget = r.watchesAbsence, r.needsTarget
		case *recordingRule:
			out[i].origin, out[i].watchesAbsence = r.origin, r.watchesAbsence
		}
	}
	return out
}

package engine

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Missing is a target of which a rule lacks something.
type Missing struct {
	// Target names it as Source does; Instance is its label, if it has one for sure.
	Target, Job, Instance string
	// Waiting: it is not scraped yet. Silent: nothing was heard of it for too long. Else
	// it did not answer, or, if Until is not zero, has not for a time.
	Waiting, Silent bool
	// Since is when that began, Until when samples began to come again.
	Since, Until time.Time
	// Window is how far back the rule reads of it.
	Window time.Duration
}

// missing lists what a rule lacks at a moment.
func (e *Engine) missing(r *ruleInsight, at time.Time) (out []Missing) {
	now := input{at: at, heard: math.MaxUint64, watched: e.watched(), holdLimit: e.opts.HoldLimit}
	for _, s := range e.roster.suspects() {
		f, _ := s.feeds(r.origin)
		m := Missing{Target: s.Target, Job: s.Job, Instance: s.Labels.Get("instance"), Since: s.since, Window: f.window}
		if s.during(now).keepsFrom(f, r.watchesAbsence) {
			m.Waiting, m.Silent = s.Waiting, s.trouble == unseen && s.Up
			out = append(out, m)
			continue
		}
		if whole, until := (coverage{gaps: s.gaps}).complete(at, f.window); f.any && !whole {
			m.Until = until
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b Missing) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Target, b.Target))
	})
	return out
}

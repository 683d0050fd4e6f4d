package engine

import (
	"time"

	"github.com/tocsin/tocsin/alert"
)

// closeGap moves what counts time over whatever lies between the last evaluation
// and the one at t: a jump of the clock, and time in which nobody looked, which
// counts for no `for` and no keep_firing_for.
func (g *group) closeGap(t Tick) {
	g.followStep(t)
	slept := t.Slept - g.slept
	g.slept = t.Slept
	if g.asOf.IsZero() {
		return
	}
	// An evaluation may be late. One that is later than that, without a pause or a
	// sleep, is that of a process that hung or was frozen.
	regular := g.interval
	if !g.paused && slept == 0 {
		regular += 2 * g.engine.opts.ScrapeInterval
	}
	if gap := t.At.Sub(g.asOf) - regular; gap > 0 {
		g.shift(gap)
		g.asOf = t.At.Add(-regular) // what is closed is closed
	}
	if slept > 0 && !g.last.IsZero() {
		g.last = g.last.Add(slept) // what a machine that sleeps does not evaluate is not missed
	}
}

// followStep moves the group's times by the steps of the clock that it has not
// followed yet.
func (g *group) followStep(t Tick) {
	if stepped := t.Stepped - g.stepped; stepped != 0 {
		g.move(stepped, t.At)
		g.stepped = t.Stepped
	}
}

// resume closes the gap between two processes, and journals what it gives: should
// this process end before its first evaluation, the next one knows where it stood.
func (e *Engine) resume(groups []*group, st *restoredState) {
	if st == nil {
		return
	}
	changes := alert.Changes{At: st.now, Replace: true}
	for _, g := range groups {
		if g.paused && g.asOf.Equal(st.asOf) {
			if back := st.now.Sub(g.asOf); back < 0 {
				g.move(back, st.now)
			} else {
				g.shift(back - g.interval)
			}
			g.asOf = later(g.asOf, st.now.Add(-g.interval)) // what is closed is closed
		}
		for _, r := range g.alerting() {
			changes.Upserts = append(changes.Upserts, r.records()...)
		}
	}
	answered, ticked := e.remembered(groups, st.asOf)
	if st.now.Before(st.asOf) {
		answered, ticked = answered.seen(st.now, e.opts.ScrapeInterval), ticked.seen(st.now, e.opts.ScrapeInterval)
	}
	e.coverage.Store(&answered)
	e.ticked.Store(&ticked)
	if !e.keep(changes) {
		e.Resave()
	}
}

// shift moves what counts time by a gap in which nobody looked.
func (g *group) shift(gap time.Duration) {
	if gap <= 0 {
		return
	}
	for _, r := range g.alerting() {
		for _, a := range r.active.all() {
			if shift(&a.Alert, gap) {
				a.changed = true
			}
		}
		r.shiftWaiting(gap)
	}
}

// move follows a step of the clock: to now, by the step.
func (g *group) move(step time.Duration, now time.Time) {
	for _, at := range []*time.Time{&g.last, &g.asOf} {
		if !at.IsZero() {
			*at = at.Add(step)
		}
	}
	for _, r := range g.alerting() {
		for _, a := range r.active.all() {
			move(&a.Alert, step, now)
			a.changed = true
		}
		r.shiftWaiting(step)
	}
}

// counting is the shortest of the times that run for alerts of the rules, as a whole;
// zero if none does.
func counting(rules []*alertingRule) (shortest time.Duration) {
	for _, r := range rules {
		for _, a := range r.active.all() {
			if d := r.counted(&a.Alert); d > 0 && (shortest == 0 || d < shortest) {
				shortest = d
			}
		}
	}
	return shortest
}

// counted is the whole of the time that runs for an alert; zero if none does.
func (r *alertingRule) counted(a *alert.Alert) time.Duration {
	switch {
	case a.State == alert.Inactive:
		return 0
	case !a.HeldSince.IsZero(): // all else stands still
		return r.engine.opts.HoldLimit
	case a.State == alert.Pending:
		return r.rule.For
	case !a.KeepFiringSince.IsZero():
		return r.rule.KeepFiringFor
	}
	return 0
}

// shift moves the times by which an alert counts, and tells whether it has any. One
// that has ended has none: what it counted by is how it came to its end.
func shift(a *alert.Alert, by time.Duration) (moved bool) {
	if a.State == alert.Inactive {
		return false
	}
	if a.State == alert.Pending {
		a.ActiveAt, moved = a.ActiveAt.Add(by), true
	}
	for _, since := range []*time.Time{&a.KeepFiringSince, &a.HeldSince} {
		if !since.IsZero() {
			*since, moved = since.Add(by), true
		}
	}
	return moved
}

// move takes an alert over a step of the clock: what counts goes along, so that a
// clock neither satisfies a `for` nor begins it anew. What only tells when
// something was stays; an end must not lie in the future, where it would be none.
// The beginning stays in any case: receivers know the incident by it.
func move(a *alert.Alert, step time.Duration, now time.Time) {
	if shift(a, step); step < 0 && a.State == alert.Firing {
		a.ActiveAt = a.ActiveAt.Add(step) // or it would seem to fire before its time
	}
	if a.ResolvedAt.After(now) {
		a.ResolvedAt = a.ResolvedAt.Add(step)
	}
	if a.LastSentAt.After(now) { // nobody knows how long ago that is: tell them again
		a.LastSentAt, a.ValidUntil = time.Time{}, time.Time{}
	}
}

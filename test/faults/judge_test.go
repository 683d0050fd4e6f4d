package faults

import (
	"time"

	"github.com/tocsin/tocsin/alert"
)

// judgeChange judges what became of one alert's state in one life: it may have
// changed only by what the life's scrapes showed, or the last ones before it.
func (o *oracle) judgeChange(s series, was, is alert.Alert) {
	o.t.Helper()
	key, from, to := s.key(), o.judged-behind, o.life().last
	off := o.evidence(key, from, to, false)
	gone := is.Labels.IsEmpty()
	same := !gone && is.State == was.State
	switch {
	case was.Labels.IsEmpty():
	case was.State == alert.Pending && (gone || same && o.restarted(s, was, is)):
		if !off {
			o.fail(key, "its time pending was lost, beyond %s; it is now %s", o.owed(s).most, show(is))
		}
	case was.State == alert.Firing && !(same && is.FiredAt.Equal(was.FiredAt)):
		if !off {
			o.fail(key, "it no longer fires, or fires anew: it is now %s", show(is))
		}
	case was.State == alert.Inactive && gone:
		if !off || !o.evidence(key, from, to, true) { // it may have become pending and ended
			o.fail(key, "its end was forgotten")
		}
	case was.State == alert.Inactive && is.State == alert.Firing && is.FiredAt.Equal(was.FiredAt):
		o.fail(key, "it had ended and fires as before: it is now %s", show(is))
	}
	moved := was.State == alert.Pending && is.State == alert.Pending // judged above
	if !gone && is.State != alert.Inactive && !moved && (was.State == alert.Inactive || !is.ActiveAt.Equal(was.ActiveAt)) &&
		!o.evidence(key, from, to, true) && o.debts[key].none() {
		o.fail(key, "it is %s, and there was nothing to see", show(is))
	}
	if !gone && is.State == alert.Firing && is.FiredAt.Sub(is.ActiveAt) < s.rule.hold-rounding {
		o.fail(key, "it fires too early: %s", show(is))
	}
	if is.State == alert.Firing && was.State != alert.Firing {
		o.counts.incidents++
	}
	if !gone && is.State == alert.Inactive && was.State == alert.Firing {
		o.counts.ends++
	}
}

// debt is how far what counts an alert's time must have been moved by the times in
// which nobody looked: at least and at most.
type debt struct{ least, most time.Duration }

func (d debt) none() bool { return d.most == 0 }

// counted is the time from which an alert counts: for its `for`, or for its
// keep_firing_for.
func counted(a alert.Alert) time.Time {
	if a.State == alert.Pending {
		return a.ActiveAt
	}
	return a.KeepFiringSince
}

// restarted tells whether a pending alert has begun anew: it counts from later
// than what the time without a process, or without scrapes that succeed, accounts
// for: a pending alert that is held stands still.
func (o *oracle) restarted(s series, was, is alert.Alert) bool {
	most := o.owed(s).most + o.blind(s)
	if !was.HeldSince.IsZero() { // perhaps by an earlier life, and nothing was seen since
		most += o.life().killed.Sub(was.HeldSince)
	}
	return is.ActiveAt.Sub(was.ActiveAt) > most+rounding
}

// blind is for how long scrapes failed, at most, where that ended in this life or
// the last scrapes before it.
func (o *oracle) blind(s series) (d time.Duration) {
	ss := o.target.scrapes()
	first := max(1, o.judged-behind)
	for first > 1 && ss[first-1].failed {
		first--
	}
	for n := first; n <= o.life().last; n++ {
		if !ss[n-1].failed {
			continue
		}
		until := ss[n-1].at.Add(s.rule.every)
		if n < len(ss) {
			until = ss[n].at
		}
		d += until.Sub(ss[n-1].at) + s.rule.every
	}
	return d
}

// owed is the debt of an alert with that of this life. A process moves what counts
// time when it begins, or when it first evaluates.
func (o *oracle) owed(s series) debt {
	d := o.debts[s.key()]
	ss, last := o.target.scrapes(), len(o.lives)-1
	life := o.lives[last]
	if last == 0 {
		return d
	}
	d.least += max(0, life.began.Sub(o.lives[last-1].killed)-s.rule.every)
	until := life.killed
	if life.first <= life.last {
		until = ss[min(life.first+3, life.last)-1].at
	}
	// Processes before it looked until two scrapes before their last, at least.
	if life.first > 1 {
		d.most += until.Sub(ss[max(1, life.first-3)-1].at) + s.rule.every
	}
	return d
}

// judgeClock judges what counts time: no time in which the process was dead may
// count, and no other may be lost.
func (o *oracle) judgeClock(s series, was, is alert.Alert) {
	o.t.Helper()
	key := s.key()
	from := counted(was)
	counts := !was.Labels.IsEmpty() && !from.IsZero() && was.State != alert.Inactive
	if !counts {
		delete(o.debts, key)
		return
	}
	owed := o.owed(s)
	to := is.ActiveAt
	if was.State == alert.Firing {
		to = is.KeepFiringSince
	}
	unchanged := to.Equal(from) && is.State == was.State
	switch {
	case is.Labels.IsEmpty() || to.IsZero():
		delete(o.debts, key) // judged by judgeChange
		return
	case unchanged:
		o.debts[key] = owed
		return
	}
	delete(o.debts, key)
	if moved := to.Sub(from); moved < owed.least-rounding {
		o.fail(key, "time in which no process was alive counts: it was moved by %s, want %s at least; it is now %s", moved, owed.least, show(is))
	}
	if was.State == alert.Firing && to.Sub(from) > owed.most+rounding && !o.evidence(key, o.judged-behind, o.life().last, true) {
		o.fail(key, "keep_firing_for began anew: it was moved by %s, want %s at most; it is now %s", to.Sub(from), owed.most, show(is))
	}
	// The last word of a process that stops moves what counts time once more.
	if was.State == alert.Firing && is.State == alert.Inactive && is.ResolvedAt.Sub(to) < s.rule.keep && o.life().plan != planStop {
		o.fail(key, "it ended before its keep_firing_for: it is now %s", show(is))
	}
}

// judgeProgress judges what should have become of one alert by now: what has been
// on for long enough fires, what has been off for long enough does not.
func (o *oracle) judgeProgress(s series, is alert.Alert) {
	o.t.Helper()
	key, i := s.key(), o.index[s.key()]
	ss := o.target.scrapes()
	life := o.life()
	if life.last-life.first <= behind {
		return // too short a life for anything to be done in it
	}
	for _, sc := range ss[life.last-behind : life.last] {
		if !sc.sure() {
			return
		}
	}
	on := ss[life.last-1].on[i]
	due, wrong := s.rule.keep, alert.Firing
	if on {
		due, wrong = s.rule.hold, alert.Pending
	}
	due += behind * s.rule.every
	if seen := o.seen(s, on); seen > due &&
		(is.State == wrong && !is.Labels.IsEmpty() || on && is.State != alert.Firing) {
		o.fail(key, "for %s it has been on=%t, and still it is %s", seen, on, show(is))
	}
}

// seen is for how long processes have seen a series on, or off, at least: the
// times between their scrapes, and for each new process an interval or what there
// was of it.
func (o *oracle) seen(s series, on bool) time.Duration {
	ss := o.target.scrapes()
	seen := time.Duration(0)
	next := time.Time{} // first scrape of the life after
	for n := len(o.lives) - 1; n >= 0; n-- {
		l := o.lives[n]
		until := l.last - 1 // the last may not have been committed
		if n == len(o.lives)-1 {
			until = l.last - behind
		}
		if l.first > l.last {
			continue
		}
		first := l.last + 1
		for first > l.first && (ss[first-2].failed || ss[first-2].on[o.index[s.key()]] == on) {
			first--
		}
		for k := first; k < until; k++ { // what is held meanwhile stands still
			if ss[k-1].sure() && ss[k].sure() {
				seen += ss[k].at.Sub(ss[k-1].at)
			}
		}
		if first <= l.last && !next.IsZero() {
			seen += min(s.rule.every, next.Sub(ss[l.last-1].at))
		}
		if first > l.first {
			break
		}
		next = ss[first-1].at
	}
	return seen
}

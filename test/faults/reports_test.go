package faults

import (
	"slices"
	"time"

	"github.com/tocsin/tocsin/alert"
)

// view is what a receiver knows of one alert, as an Alertmanager does.
type view struct {
	active *told // the last report of what fires
	fired  incidents
	ended  incidents
}

// incidents are some of one alert, by when they began.
type incidents []time.Time

// has takes moments that are close for one: the process may count in another time
// than it tells receivers.
func (is incidents) has(at time.Time) bool {
	return slices.ContainsFunc(is, func(i time.Time) bool { return sameTime(i, at) })
}

func sameTime(a, b time.Time) bool { return a.Sub(b).Abs() < interval/2 }

// heardLate notes a report of what is over, which people are to know all the same.
// It may come twice: a process that is killed does not know what has arrived.
func (v *view) heardLate(p told) {
	v.active = nil
	v.fired, v.ended = append(v.fired, p.startsAt), append(v.ended, p.startsAt)
}

// judgeReports judges what the receiver was told in this life.
func (o *oracle) judgeReports(now map[string]alert.Alert) {
	o.t.Helper()
	log := o.am.all()
	for _, p := range log[o.heard:] {
		v := o.views[p.key]
		o.counts.reports++
		switch is := now[p.key]; {
		case v == nil:
			o.t.Errorf("the receiver was told of %s, which nobody knows", p.key)
		case p.late:
			v.heardLate(p)
		case p.resolved:
			o.judgeEnd(v, p, is)
		default:
			o.judgeFiring(v, p, is)
		}
	}
	o.heard = len(log)
}

// judgeFiring judges one report of an alert that fires.
func (o *oracle) judgeFiring(v *view, p told, is alert.Alert) {
	o.t.Helper()
	ss := o.target.scrapes()
	// One that was found in storage alone, without a journal, has no annotations.
	if p.seq != 0 && (p.seq > len(ss) || ss[p.seq-1].failed || !ss[p.seq-1].on[o.index[p.key]]) {
		o.fail(p.key, "the receiver was told %s, which that scrape did not show", p)
	}
	if v.ended.has(p.startsAt) {
		o.fail(p.key, "the receiver was told %s, and before that it had ended", p)
	}
	if a := v.active; a != nil {
		if !sameTime(a.startsAt, p.startsAt) && !o.evidence(p.key, a.seq, p.seq, false) {
			o.fail(p.key, "the receiver was told %s, and before that %s: one incident twice", p, a)
		}
		o.judgeSilence(a, p)
	}
	// What the receiver knows must outlive the process.
	if !(is.State == alert.Firing && sameTime(is.FiredAt, p.startsAt)) && !o.evidence(p.key, p.seq, len(ss), false) {
		o.fail(p.key, "the receiver was told %s, and the journal has %s", p, show(is))
	}
	v.active, v.fired = &p, append(v.fired, p.startsAt)
}

// judgeEnd judges one report of an alert that has ended.
func (o *oracle) judgeEnd(v *view, p told, is alert.Alert) {
	o.t.Helper()
	if !o.evidence(p.key, p.seq, p.served, false) {
		o.fail(p.key, "the receiver was told %s, and nothing showed that it ended", p)
	}
	if is.State == alert.Firing && sameTime(is.FiredAt, p.startsAt) {
		o.fail(p.key, "the receiver was told %s, and the journal has %s", p, show(is))
	}
	// One that was found in storage alone, as the process was killed before it had a
	// journal, is in no outbox.
	if p.seq != 0 && !v.fired.has(p.startsAt) && !v.ended.has(p.startsAt) {
		// An Alertmanager tells nobody of an alert that it has never seen firing.
		o.failUnless(open[endWithoutBegin], endWithoutBegin, p.key, "the receiver was told %s, and never that it fired", p)
	}
	v.active, v.ended = nil, append(v.ended, p.startsAt)
}

// judgeSilence judges whether an alert that fires was told again before an
// Alertmanager would have given it up, if there was a process to tell it.
func (o *oracle) judgeSilence(last *told, p told) {
	o.t.Helper()
	if !last.endsAt.Before(p.at) {
		return
	}
	alive := 0
	for _, s := range o.target.scrapes() {
		if s.at.After(last.at.Add(resendDelay)) && s.at.Before(last.endsAt) {
			alive++
		}
	}
	if alive > 4*behind {
		ended := o.evidence(p.key, last.seq, p.seq, false)
		o.failUnless(ended && open[endUntold], endUntold, last.key, "an Alertmanager gave it up at %s: the last that it was told was %s", clock(last.endsAt), last)
	}
}

// sum says how much there was to judge: a test that saw nothing proves nothing.
func (o *oracle) sum() {
	o.t.Helper()
	o.t.Logf("%d lives, %d scrapes, %d incidents, %d ends, %d reports", len(o.lives), len(o.target.scrapes()),
		o.counts.incidents, o.counts.ends, o.counts.reports)
	for weakness, n := range o.weak {
		o.t.Logf("known: %s: %d times", weakness, n)
	}
	if o.counts.incidents == 0 || o.counts.ends == 0 || o.counts.reports == 0 {
		o.t.Error("there was nothing to judge")
	}
}

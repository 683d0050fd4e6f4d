package faults

import (
	"time"

	"github.com/tocsin/tocsin/alert"
)

// view is what a receiver knows of one alert, as an Alertmanager does.
type view struct {
	active *told // the last report of what fires
	fired  map[time.Time]bool
	ended  map[time.Time]bool
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
	if p.seq == 0 || p.seq > len(ss) || ss[p.seq-1].failed || !ss[p.seq-1].on[o.index[p.key]] {
		o.fail(p.key, "the receiver was told %s, which that scrape did not show", p)
	}
	if v.ended[p.startsAt] {
		o.fail(p.key, "the receiver was told %s, and before that it had ended", p)
	}
	if a := v.active; a != nil {
		if !a.startsAt.Equal(p.startsAt) && !o.evidence(p.key, a.seq, p.seq, false) {
			o.fail(p.key, "the receiver was told %s, and before that %s: one incident twice", p, a)
		}
		o.judgeSilence(a, p)
	}
	// What the receiver knows must outlive the process.
	if !(is.State == alert.Firing && is.FiredAt.Equal(p.startsAt)) && !o.evidence(p.key, p.seq, len(ss), false) {
		o.fail(p.key, "the receiver was told %s, and the journal has %s", p, show(is))
	}
	v.active, v.fired[p.startsAt] = &p, true
}

// judgeEnd judges one report of an alert that has ended.
func (o *oracle) judgeEnd(v *view, p told, is alert.Alert) {
	o.t.Helper()
	if !o.evidence(p.key, p.seq, p.served, false) {
		o.fail(p.key, "the receiver was told %s, and nothing showed that it ended", p)
	}
	if is.State == alert.Firing && is.FiredAt.Equal(p.startsAt) {
		o.fail(p.key, "the receiver was told %s, and the journal has %s", p, show(is))
	}
	if !v.fired[p.startsAt] && !v.ended[p.startsAt] {
		// An Alertmanager tells nobody of an alert that it has never seen firing.
		o.failUnless(open[endWithoutBegin], endWithoutBegin, p.key, "the receiver was told %s, and never that it fired", p)
	}
	v.active, v.ended[p.startsAt] = nil, true
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

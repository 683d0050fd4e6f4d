package engine

import (
	"time"

	"github.com/tocsin/tocsin/alert"
)

// resolvedRetention is how long a resolved alert is remembered, and so sent
// again: receivers that were away learn of its end.
const resolvedRetention = 15 * time.Minute

// observation is what one evaluation says of one alert, and the durations that
// decide over it.
type observation struct {
	ts time.Time
	// seen: the expression returned the alert. evidence: if it did not, that
	// means something. doubt: it did, but perhaps for want of data.
	seen, evidence, doubt       bool
	hold, keepFiring, holdLimit time.Duration
}

// step is the state machine of one alert, that of the Alert Generator
// Compliance Specification 1.0 with one state of mind more: an alert that is not
// returned for want of evidence is held as it is, for at most holdLimit. It
// returns false when the alert is to be forgotten.
func step(a *alert.Alert, o observation) (keep bool) {
	switch {
	case o.seen && o.doubt && a.State == alert.Pending && held(a, o):
		return true
	case o.seen && o.doubt && a.State == alert.Pending: // for too long: as in Prometheus
	case o.seen:
		if a.State == alert.Pending && !a.HeldSince.IsZero() {
			a.ActiveAt = a.ActiveAt.Add(o.ts.Sub(a.HeldSince)) // nobody saw it meanwhile
		}
		a.KeepFiringSince, a.HeldSince = time.Time{}, time.Time{}
	case a.State != alert.Inactive && held(a, o):
		return true
	case keptFiring(a, o):
	default:
		return end(a, o.ts)
	}
	// A clock that went back, as at a boot without one, is no evidence: what fires
	// goes on, what is pending waits its whole time by the new clock.
	if a.State == alert.Pending && o.ts.Before(a.ActiveAt) {
		a.ActiveAt = o.ts
	}
	active := o.ts.Sub(a.ActiveAt)
	if !a.HeldSince.IsZero() && a.State == alert.Pending {
		active -= o.holdLimit
	}
	switch {
	case a.State == alert.Pending && active >= o.hold:
		a.State, a.FiredAt, a.HeldSince = alert.Firing, o.ts, time.Time{}
	case a.State == alert.Firing && active >= 0 && active < o.hold: // the rule's `for` became longer
		a.State = alert.Pending
		a.FiredAt, a.LastSentAt, a.KeepFiringSince = time.Time{}, time.Time{}, time.Time{}
	}
	return true
}

// held keeps an alert for which there is no evidence, as long as it may.
func held(a *alert.Alert, o observation) bool {
	if o.evidence && !o.doubt {
		return false
	}
	if a.HeldSince.IsZero() {
		a.HeldSince = o.ts
	}
	return o.ts.Sub(a.HeldSince) < o.holdLimit
}

// keptFiring applies keep_firing_for to an alert that was not returned. The time
// for which it was held before counts for none of it; a hold that has reached its
// limit stays noted until there is evidence, so that no other one follows.
func keptFiring(a *alert.Alert, o observation) bool {
	if a.State != alert.Firing || o.keepFiring == 0 {
		return false
	}
	if a.KeepFiringSince.IsZero() {
		a.KeepFiringSince = o.ts
	}
	since := a.KeepFiringSince
	if a.HeldSince.After(since) {
		since = since.Add(min(o.ts.Sub(a.HeldSince), o.holdLimit))
	}
	if o.evidence {
		a.KeepFiringSince, a.HeldSince = since, time.Time{}
	}
	return o.ts.Sub(since) < o.keepFiring
}

// end resolves an alert that fired, and forgets one that never did or whose end
// is long past.
func end(a *alert.Alert, ts time.Time) (keep bool) {
	a.HeldSince = time.Time{}
	switch a.State {
	case alert.Pending:
		return false
	case alert.Inactive:
		return ts.Sub(a.ResolvedAt) <= resolvedRetention
	}
	a.State, a.ResolvedAt = alert.Inactive, ts
	return true
}

// transition tells whether the difference is one that must outlive the process.
func transition(was, is *alert.Alert) bool {
	return was.State != is.State || !was.ActiveAt.Equal(is.ActiveAt) || !was.FiredAt.Equal(is.FiredAt) ||
		!was.ResolvedAt.Equal(is.ResolvedAt) || !was.KeepFiringSince.Equal(is.KeepFiringSince) ||
		!was.HeldSince.Equal(is.HeldSince)
}

// needsSending tells whether receivers are to be told at ts: at once when the
// alert began to fire or ended, then again and again.
func needsSending(a *alert.Alert, ts time.Time, again refreshing) bool {
	if a.State == alert.Pending {
		return false
	}
	if a.ResolvedAt.After(a.LastSentAt) || a.LastSentAt.After(ts) { // or the clock went back
		return true
	}
	return again.due(a, ts)
}

package engine

import (
	"time"

	"github.com/tocsin/tocsin/alert"
)

// refreshing is when receivers are told again what has not changed. Hosts whose alerts
// began at the same moment would tell them at the same moment for ever: each has
// rounds of its own, in the phase of its identity, for all its alerts.
type refreshing struct {
	delay time.Duration
	// phase is where rounds begin. Without spread there are none: each alert is told
	// again a delay after it was.
	phase  time.Duration
	spread bool
}

// refreshing is that of this moment: the identity of a host may become known late.
func (e *Engine) refreshing() refreshing {
	r := refreshing{delay: e.opts.ResendDelay}
	if id := e.opts.Identity(); id != "" {
		r.phase, r.spread = time.Duration(phase(id+";refresh", uint64(r.delay))), true
	}
	return r
}

// round is when the round of t began.
func (r refreshing) round(t time.Time) time.Time {
	return t.Add(-r.phase).Truncate(r.delay).Add(r.phase)
}

// due tells whether an alert is to be told again at ts: with the first evaluation of
// each round, and with none sooner than a delay after its news.
func (r refreshing) due(a *alert.Alert, ts time.Time) bool {
	if !r.spread {
		return a.LastSentAt.Add(r.delay).Before(ts)
	}
	wait := r.delay
	if a.LastSentAt.Equal(a.FiredAt) || a.LastSentAt.Equal(a.ResolvedAt) {
		wait *= 2
	}
	return r.round(ts).Sub(r.round(a.LastSentAt)) >= wait
}

// first is when what was told at t is told again where no evaluation does so.
func (r refreshing) first(t time.Time) time.Time {
	if !r.spread {
		return t.Add(r.delay)
	}
	return r.round(t).Add(2 * r.delay)
}

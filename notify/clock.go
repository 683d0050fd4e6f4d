package notify

import (
	"net/http"
	"time"
)

const (
	// tolerated is how far an Alertmanager's clock may be off before the times that
	// it is sent are corrected.
	tolerated = 30 * time.Second
	// calm keeps an offset at the edge from coming and going.
	calm = 5 * time.Second
	// stepTolerance is how far our clocks may drift apart before what was measured
	// before counts for nothing.
	stepTolerance = 2 * time.Second
)

// skew is how far an Alertmanager's clock is ahead of ours, as of a moment.
type skew struct {
	offset time.Duration
	err    time.Duration // the true offset lies no farther from it
	at     time.Time     // with its monotonic reading; zero if nothing is known
}

// measure reads the Date of a reply to a request that was sent at before and
// answered at after. A date is cut to the second, and taken somewhere between the
// two.
func measure(h http.Header, before, after time.Time) (skew, bool) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil || h.Get("Age") != "" { // from a cache: of whoever asked first
		return skew{}, false
	}
	trip := after.Sub(before)
	middle := before.Add(trip / 2).Round(0)
	return skew{
		offset: date.Add(time.Second / 2).Sub(middle),
		err:    time.Second/2 + trip/2,
		at:     after,
	}, true
}

// lost tells whether there is a measurement that goes no longer: a step of our own
// clock, or a sleep of the machine, which looks like one, takes it away.
func (s skew) lost(now time.Time) bool {
	if s.at.IsZero() {
		return false
	}
	step := now.Round(0).Sub(s.at.Round(0)) - now.Sub(s.at)
	return step.Abs() > stepTolerance
}

// clock is what a sender knows of time at its Alertmanager.
type clock struct {
	skew      skew
	corrected bool          // the offset is too large to be left alone
	logged    time.Duration // the offset that was logged last; zero: none
	// trustedAfter is a time that has passed for sure. A clock that shows an
	// earlier one is wrong.
	trustedAfter time.Time
}

// correction is how times for this Alertmanager are written.
type correction struct {
	shift time.Duration // to be added to each
	// behind is how far its clock may be behind ours, if it is for certain: what has
	// just ended here would end in its future.
	behind time.Duration
	// blind: nobody knows what time it is here. It is to use its own clock.
	blind bool
	// ahead is how far times of notifications are ahead of our clock.
	ahead time.Duration
}

// from makes it one of times that are ahead of our clock.
func (c correction) from(ahead time.Duration) correction {
	c.ahead = ahead
	c.shift -= ahead
	return c
}

func (c *clock) correction(now time.Time) correction {
	if c.skew.at.IsZero() || c.skew.lost(now) {
		return correction{blind: now.Before(c.trustedAfter)}
	}
	if c.corrected {
		return correction{shift: c.skew.offset, behind: c.skew.err}
	}
	if c.skew.offset+c.skew.err < 0 {
		return correction{behind: c.skew.err - c.skew.offset}
	}
	return correction{}
}

// learn takes over a measurement and tells whether it is news for the log.
func (c *clock) learn(s skew) (news bool) {
	c.skew = s
	limit := tolerated
	if c.corrected {
		limit -= calm
	}
	was := c.corrected
	c.corrected = s.offset.Abs() > limit
	switch {
	case c.corrected != was:
	case c.corrected && (s.offset-c.logged).Abs() > max(calm, s.err):
	default:
		return false
	}
	c.logged = s.offset
	return true
}

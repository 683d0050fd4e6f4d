package engine

import (
	"slices"
	"time"
)

const (
	// coverageKept bounds how far back gaps are remembered, and maxGaps how many.
	coverageKept = 7 * 24 * time.Hour
	maxGaps      = 256
	// maxMissing is the part of a window that may be missing before what the window
	// gives is no evidence: one in maxMissing.
	maxMissing = 10
)

// coverage tells when targets were seen: where samples are missing because
// nobody looked, or nothing answered, or the clock jumped. It is immutable.
type coverage struct {
	// first is the first scrape where nothing was before it, neither in this process
	// nor in one before; else zero.
	first time.Time
	last  time.Time // the last scrape that brought something
	gaps  []gap     // oldest first
}

// gap is a time without scrapes that brought anything: after from, before to.
type gap struct {
	from, to time.Time
	unseen   bool // nobody looked, where that is known
}

// seen is the coverage with one more scrape, which came as expected if it is one
// interval after the last.
func (c coverage) seen(at time.Time, interval time.Duration) coverage {
	next := coverage{first: c.first, last: at}
	for _, g := range c.gaps {
		if g.to.After(at.Add(-coverageKept)) && !g.to.After(at) {
			next.gaps = append(next.gaps, g)
		}
	}
	switch since := at.Sub(c.last); {
	case c.last.IsZero():
		next.first = at
	case since < 0:
		// The clock went back, and storage has what was before then: how long ago,
		// in the new time, nobody knows.
		next.gaps = []gap{{from: at.Add(-coverageKept), to: at}}
	case since > interval+interval/2:
		next.gaps = append(next.gaps, gap{from: c.last.Add(interval), to: at})
	}
	next.gaps = slices.Clone(next.gaps[max(0, len(next.gaps)-maxGaps):])
	return next
}

// back is the coverage with a scrape that brings something again: nothing came since a
// time, or since the scrape that is missing first.
func (c coverage) back(since, at time.Time, interval time.Duration, nobody bool) coverage {
	next := c.seen(at, interval)
	g := gap{from: since, to: at, unseen: nobody}
	if last := c.last; !last.IsZero() && !last.After(at) {
		g.from = earlier(g.from, last.Add(interval))
	}
	if n := len(next.gaps); n > 0 && next.gaps[n-1].to.Equal(at) { // as seen has found
		g.from, next.gaps = earlier(next.gaps[n-1].from, g.from), next.gaps[:n-1]
	}
	if g.from.Before(at) {
		next.gaps = append(next.gaps[:len(next.gaps):len(next.gaps)], g)
	}
	return next
}

// within is the coverage with at most so many gaps: the oldest become one.
func (c coverage) within(most int) coverage {
	if over := len(c.gaps) - most; over > 0 {
		first := gap{from: c.gaps[0].from, to: c.gaps[over].to}
		for _, g := range c.gaps[:over+1] {
			first.unseen = first.unseen || g.unseen
		}
		c.gaps = append([]gap{first}, c.gaps[over+1:]...)
	}
	return c
}

// complete tells whether the window of this width before at has its samples; what
// comes after at is no matter. If not, upTo is when they began to come again: who
// appeared after that is judged by what there is.
func (c coverage) complete(at time.Time, window time.Duration) (ok bool, upTo time.Time) {
	from := at.Add(-window)
	var missing time.Duration
	for _, g := range c.gaps {
		begin, end := later(g.from, from), g.to
		if end.After(at) {
			end = at
		}
		if end.After(begin) {
			missing += end.Sub(begin)
			upTo = g.to
		}
	}
	return missing <= window/maxMissing, upTo
}

// missed tells whether at lies in a gap: an evaluation with an offset goes by data
// of a time that may have been without, whatever the last scrape says.
func (c coverage) missed(at time.Time) bool {
	return slices.ContainsFunc(c.gaps, func(g gap) bool { return !at.Before(g.from) && at.Before(g.to) })
}

// lastEnd is the end of the newest gap that began before at.
func (c coverage) lastEnd(at time.Time) time.Time {
	for _, g := range slices.Backward(c.gaps) {
		if !g.from.After(at) {
			return g.to
		}
	}
	return time.Time{}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

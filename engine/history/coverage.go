package history

import (
	"math"
	"slices"
	"time"
)

const (
	// gapIntervals is how many scrapes must be missing for a gap.
	gapIntervals = 3
	// maxSlots bounds the memory, and with it how short a gap is seen in a long time.
	maxSlots = 2000
)

// coverage remembers when something was scraped, in slots as wide as the shortest
// gap: of each, the first and the last time. A gap never fits into one slot, so
// its ends are exact.
type coverage struct {
	from, to, slot millis
	slots          []struct{ first, last millis }
	last           millis
}

func newCoverage(from, to time.Time, interval time.Duration) *coverage {
	c := &coverage{from: from.UnixMilli(), to: to.UnixMilli(), last: math.MinInt64}
	c.slot = max(gapIntervals*interval.Milliseconds(), (c.to-c.from)/maxSlots, 1)
	c.slots = make([]struct{ first, last millis }, (c.to-c.from)/c.slot+1)
	for i := range c.slots {
		c.slots[i].first = math.MaxInt64
	}
	return c
}

func (c *coverage) width() time.Duration { return time.Duration(c.slot) * time.Millisecond }

func (c *coverage) empty() bool { return c.last == math.MinInt64 }

func (c *coverage) note(t millis) {
	if t < c.from || t > c.to {
		return
	}
	s := &c.slots[(t-c.from)/c.slot]
	s.first, s.last = min(s.first, t), max(s.last, t)
	c.last = max(c.last, t)
}

// within tells whether anything was scraped well after one time, and well before
// another.
func (c *coverage) within(after, before millis) bool {
	lo, hi := max((after-c.from)/c.slot+1, 0), min((before-c.from)/c.slot-1, millis(len(c.slots)))
	return lo < hi && slices.ContainsFunc(c.slots[lo:hi], func(s struct{ first, last millis }) bool { return s.last > 0 })
}

// gaps are the times without, at both ends too.
func (c *coverage) gaps() []Gap {
	var out []Gap
	add := func(from, to millis) {
		if to-from >= c.slot {
			out = append(out, Gap{time.UnixMilli(from).UTC(), time.UnixMilli(to).UTC()})
		}
	}
	last := c.from
	for _, s := range c.slots {
		if s.last > 0 {
			add(last, s.first)
			last = s.last
		}
	}
	add(last, c.to)
	return out
}

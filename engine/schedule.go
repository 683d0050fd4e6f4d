package engine

import (
	"hash/fnv"
	"time"
)

// LookbackDelta is how far back an expression sees a series that has no newer
// sample.
const LookbackDelta = lookbackDelta

// follows tells whether a group of this interval is evaluated after scrapes, and
// not on its own time: its interval must be a multiple of the scrape's.
func follows(interval, scrape time.Duration) bool { return interval%scrape == 0 }

// due tells whether a group that follows the scrape is to be evaluated for the
// scrape at ts. Scrapes are some milliseconds early or late: half of their
// interval is the line. A clock that went back by more than an interval must not
// stop evaluation.
func due(ts, last time.Time, interval, scrape time.Duration) bool {
	if last.IsZero() {
		return true
	}
	since := ts.Sub(last)
	return since >= interval-scrape/2 || since <= -interval
}

// nextSlot is the group's first slot after now, if it keeps its own time.
func (g *group) nextSlot(now time.Time) time.Time {
	return nextSlot(now, g.interval, g.engine.opts.Identity()+g.key())
}

// nextSlot is the first slot after now for a group that keeps its own time. Slots
// depend on nothing but interval and identity, so that they survive restarts and
// differ between groups, and between hosts.
func nextSlot(now time.Time, interval time.Duration, id string) time.Time {
	offset := time.Duration(phase(id, uint64(interval)))
	slot := now.Add(-offset).Truncate(interval).Add(offset)
	for !slot.After(now) {
		slot = slot.Add(interval)
	}
	return slot
}

// phase is a number below n, for each id another: what recurs for each is spread by it.
func phase(id string, n uint64) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return h.Sum64() % n
}

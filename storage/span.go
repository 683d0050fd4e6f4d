package storage

import (
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/tsdb"
)

// No sample is of a time outside of these, in milliseconds: a clock that was never
// set begins at 1970. A block that says otherwise is damaged, and arithmetic with
// its times would overflow.
var (
	firstTime = time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	lastTime  = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
)

// checkSpan tells what is wrong with the times of a block.
func checkSpan(m tsdb.BlockMeta) error {
	if m.MinTime >= m.MaxTime || m.MinTime < firstTime || m.MaxTime > lastTime {
		return fmt.Errorf("its samples cannot be of the times from %d to %d", m.MinTime, m.MaxTime)
	}
	return nil
}

// newest is the time of the newest sample in milliseconds; the least int64 if
// there is none.
func (h *handle) newest() int64 {
	newest := int64(math.MinInt64)
	if maxt := h.db.Head().MaxTime(); maxt >= firstTime && maxt <= lastTime {
		newest = maxt
	}
	for _, b := range h.db.Blocks() {
		if checkSpan(b.Meta()) == nil {
			newest = max(newest, b.MaxTime()-1)
		}
	}
	return newest
}

// oldest is the time of the oldest sample in milliseconds; the greatest int64 if
// there is none.
func (h *handle) oldest() int64 {
	oldest := h.db.Head().MinTime()
	for _, b := range h.db.Blocks() {
		if checkSpan(b.Meta()) == nil {
			oldest = min(oldest, b.MinTime())
		}
	}
	return oldest
}

// alignedEnd is the last millisecond of the range of width rng that t is in,
// also for times before 1970.
func alignedEnd(t, rng int64) int64 {
	rest := t % rng
	if rest < 0 {
		rest += rng
	}
	if t > math.MaxInt64-(rng-1-rest) {
		return math.MaxInt64
	}
	return t + (rng - 1 - rest)
}

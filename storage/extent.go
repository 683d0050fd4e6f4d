package storage

import (
	"math"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// Extent tells what stands where, for those who keep a copy of recent samples: a
// number that changes with each TSDB that is opened, the time of the oldest sample,
// and whether a block overlaps mint to maxt, in milliseconds and both inclusive.
// Where that is so queries give series in the order of their labels, else in that
// of their references. Without an open TSDB the number is 0.
func (s *Store) Extent(mint, maxt int64) (generation uint64, oldest int64, blocks bool) {
	h, release, err := s.acquire()
	if err != nil {
		return 0, math.MaxInt64, false
	}
	defer release()
	oldest = h.db.Head().MinTime()
	for _, b := range h.db.Blocks() {
		oldest = min(oldest, b.MinTime())
		blocks = blocks || b.OverlapsClosedInterval(mint, maxt)
	}
	return h.generation, oldest, blocks
}

// GetRef implements storage.GetRef.
func (a *appender) GetRef(ls labels.Labels, hash uint64) (storage.SeriesRef, labels.Labels) {
	g, ok := a.AppenderV2.(storage.GetRef)
	if !ok {
		return 0, labels.EmptyLabels()
	}
	ref, ls := g.GetRef(ls, hash)
	return a.foreign(ref), ls
}

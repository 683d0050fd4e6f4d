package engine

import (
	"math"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

// series is one that a rule writes.
type series struct {
	labels labels.Labels
	ref    storage.SeriesRef // storage's name for it, which spares it the labels; 0 if not known
	// before: the last evaluation that was stored wrote it. now: the one that is
	// being stored does.
	before, now bool
	kept        bool    // it is in the set
	next        *series // in the set, of the same hash
}

// point is a sample of a series, at the time of the evaluation that gives it.
type point struct {
	series *series
	v      float64
	h      *histogram.FloatHistogram
}

// append hands the point to a transaction.
func (p point) append(app storage.AppenderV2, t int64) error {
	ref, err := app.Append(p.series.ref, p.series.labels, 0, t, p.v, nil, p.h, storage.AOptions{RejectOutOfOrder: true})
	if err == nil {
		p.series.ref, p.series.now = ref, true
	}
	return err
}

// seriesSet is the series that a rule has written, by the hashes of their labels.
type seriesSet map[uint64]*series

// find gives the series of these labels: that of the set, or a new one that is not
// in it yet.
func (s seriesSet) find(ls labels.Labels) *series {
	for one := s[ls.Hash()]; one != nil; one = one.next {
		if labels.Equal(one.labels, ls) {
			return one
		}
	}
	return &series{labels: ls}
}

func (s seriesSet) keep(one *series) {
	if one.kept {
		return
	}
	hash := one.labels.Hash()
	one.kept, one.next = true, s[hash]
	s[hash] = one
}

// takeAll adds the series of another set, which is used up by it, as written before.
func (s seriesSet) takeAll(from seriesSet) {
	for _, one := range from {
		for one != nil {
			next := one.next
			one.kept, one.next = false, nil
			s.keep(one)
			one = next
		}
	}
}

// markStale marks the series that were written before and are not now. Storage
// refuses a marker where another rule has written the same series: that is as it
// should be.
func (s seriesSet) markStale(app storage.AppenderV2, t int64) {
	for _, one := range s {
		for ; one != nil; one = one.next {
			if one.before && !one.now {
				_, _ = app.Append(one.ref, one.labels, 0, t, math.Float64frombits(value.StaleNaN), nil, nil, storage.AOptions{RejectOutOfOrder: true})
			}
		}
	}
}

// settle ends a transaction: what was written is what the next one goes by. Of one
// that storage did not take nothing stays.
func (s seriesSet) settle(stored bool) {
	for hash, one := range s {
		var kept *series
		for one != nil {
			next := one.next
			if stored {
				one.before = one.now
			}
			one.now, one.kept, one.next = false, one.before, nil
			if one.before {
				one.next, kept = kept, one
			}
			one = next
		}
		if kept == nil {
			delete(s, hash)
		} else {
			s[hash] = kept
		}
	}
}

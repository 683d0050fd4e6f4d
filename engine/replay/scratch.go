package replay

import (
	"context"
	"errors"
	"math"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// trimAt is the number of samples of a series at which old ones are dropped.
const trimAt = 4096

// scratch takes what the rules write, with the checks of a TSDB, and ends with
// the replay.
type scratch struct {
	// reach is how far back rules look at it; negative means that nobody knows.
	reach  millis
	now    millis
	series map[string]*series   // by the bytes of their labels
	named  map[string][]*series // by their metric name
	all    []*series
}

func newScratch(reach millis) *scratch {
	return &scratch{reach: reach, series: map[string]*series{}, named: map[string][]*series{}}
}

// find adds to list the series that match, with their samples from start to end.
func (s *scratch) find(list []series, start, end millis, ms []*labels.Matcher) []series {
	among := s.all
	for _, m := range ms {
		if m.Name == labels.MetricName && m.Type == labels.MatchEqual {
			among = s.named[m.Value]
		}
	}
	for _, one := range among {
		if !matches(one.labels, ms) {
			continue
		}
		if part := one.between(start, end); len(part.t) > 0 {
			list = append(list, series{labels: one.labels, samples: part})
		}
	}
	return list
}

func matches(ls labels.Labels, ms []*labels.Matcher) bool {
	for _, m := range ms {
		if !m.Matches(ls.Get(m.Name)) {
			return false
		}
	}
	return true
}

// get is the series with these labels, new if there is none.
func (s *scratch) get(ls labels.Labels) *series {
	key := string(ls.Bytes(nil))
	one := s.series[key]
	if one == nil {
		one = &series{labels: ls}
		s.series[key] = one
		name := ls.Get(labels.MetricName)
		s.named[name] = append(s.named[name], one)
		s.all = append(s.all, one)
	}
	return one
}

// AppenderV2 implements storage.AppendableV2.
func (s *scratch) AppenderV2(context.Context) storage.AppenderV2 { return &appender{to: s} }

// appender is one transaction.
type appender struct {
	to      *scratch
	pending []pendingSample
}

type pendingSample struct {
	to *series
	t  millis
	v  float64
	h  *histogram.FloatHistogram
}

var errIntegerHistogram = errors.New("expressions give no histograms with integer counts")

// Append implements storage.AppenderV2. It refuses what a TSDB would.
func (a *appender) Append(_ storage.SeriesRef, ls labels.Labels, _, t millis, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, _ storage.AOptions) (storage.SeriesRef, error) {
	if h != nil {
		return 0, errIntegerHistogram
	}
	one := a.to.get(ls)
	if n := len(one.t); n > 0 {
		switch last := one.t[n-1]; {
		case t < last:
			return 0, storage.ErrOutOfOrderSample
		case t == last && !one.same(n-1, v, fh):
			return 0, storage.ErrDuplicateSampleForTimestamp
		case t == last:
			return 0, nil
		}
	}
	if fh != nil {
		fh = fh.Copy()
	}
	a.pending = append(a.pending, pendingSample{one, t, v, fh})
	return 0, nil
}

// same tells whether the i-th sample has this value, bit by bit.
func (s *samples) same(i int, v float64, h *histogram.FloatHistogram) bool {
	if s.h != nil && s.h[i] != nil || h != nil {
		return s.h != nil && s.h[i] != nil && h != nil && s.h[i].Equals(h)
	}
	return math.Float64bits(s.v[i]) == math.Float64bits(v)
}

// Commit implements storage.AppenderV2.
func (a *appender) Commit() error {
	for _, p := range a.pending {
		if a.to.reach >= 0 && len(p.to.t) >= trimAt && len(p.to.t) == cap(p.to.t) {
			p.to.samples = p.to.since(a.to.now - a.to.reach)
		}
		p.to.add(p.t, p.v, p.h)
	}
	a.pending = nil
	return nil
}

// Rollback implements storage.AppenderV2.
func (a *appender) Rollback() error {
	a.pending = nil
	return nil
}

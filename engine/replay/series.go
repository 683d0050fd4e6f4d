package replay

import (
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"
)

// millis is a timestamp of storage, in milliseconds since 1970. (The alias also
// keeps vet from taking a chunkenc.Iterator for an io.Seeker.)
type millis = int64

// samples are those of one series, in the order of time. What has been handed
// out stays as it is: samples are only added behind, or copied elsewhere.
type samples struct {
	t []millis
	v []float64
	// h is as long as t, nil where the sample is a float; nil if all are.
	h []*histogram.FloatHistogram
}

func (s *samples) add(t millis, v float64, h *histogram.FloatHistogram) {
	if h != nil && s.h == nil {
		s.h = make([]*histogram.FloatHistogram, len(s.t))
	}
	s.t, s.v = append(s.t, t), append(s.v, v)
	if s.h != nil {
		s.h = append(s.h, h)
	}
}

// addAll adds what an iterator gives.
func (s *samples) addAll(it chunkenc.Iterator) error {
	for {
		switch it.Next() {
		case chunkenc.ValNone:
			return it.Err()
		case chunkenc.ValFloat:
			t, v := it.At()
			s.add(t, v, nil)
		default:
			t, h := it.AtFloatHistogram(nil)
			s.add(t, 0, h)
		}
	}
}

// between are the samples from start to end, both inclusive.
func (s *samples) between(start, end millis) samples {
	lo, _ := slices.BinarySearch(s.t, start)
	hi, found := slices.BinarySearch(s.t, end)
	if found {
		hi++
	}
	hi = max(hi, lo)
	part := samples{t: s.t[lo:hi], v: s.v[lo:hi]}
	if s.h != nil {
		part.h = s.h[lo:hi]
	}
	return part
}

// since copies the samples from start on.
func (s *samples) since(start millis) samples {
	lo, _ := slices.BinarySearch(s.t, start)
	c := samples{t: slices.Clone(s.t[lo:]), v: slices.Clone(s.v[lo:])}
	if s.h != nil {
		c.h = slices.Clone(s.h[lo:])
	}
	return c
}

// series is one series, or a part of one.
type series struct {
	labels labels.Labels
	samples
}

// Labels implements storage.Series.
func (s *series) Labels() labels.Labels { return s.labels }

// Iterator implements storage.Series.
func (s *series) Iterator(it chunkenc.Iterator) chunkenc.Iterator {
	if old, ok := it.(*iterator); ok {
		*old = iterator{samples: s.samples, i: -1}
		return old
	}
	return &iterator{samples: s.samples, i: -1}
}

func sortSeries(list []series) {
	slices.SortFunc(list, func(a, b series) int { return labels.Compare(a.labels, b.labels) })
}

// seriesSet is the result of a selection.
type seriesSet struct {
	list []series
	i    int // of the next one
}

func (s *seriesSet) Next() bool {
	s.i++
	return s.i <= len(s.list)
}
func (s *seriesSet) At() storage.Series                { return &s.list[s.i-1] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

// iterator implements chunkenc.Iterator.
type iterator struct {
	samples
	i int
}

func (it *iterator) kind() chunkenc.ValueType {
	switch {
	case it.i >= len(it.t):
		return chunkenc.ValNone
	case it.h != nil && it.h[it.i] != nil:
		return chunkenc.ValFloatHistogram
	}
	return chunkenc.ValFloat
}

func (it *iterator) Next() chunkenc.ValueType {
	if it.i < len(it.t) {
		it.i++
	}
	return it.kind()
}

func (it *iterator) Seek(t millis) chunkenc.ValueType {
	if it.i = max(it.i, 0); it.i < len(it.t) && it.t[it.i] < t {
		rest := it.t[it.i:]
		n, _ := slices.BinarySearch(rest, t)
		it.i += n
	}
	return it.kind()
}

func (it *iterator) At() (int64, float64) { return it.t[it.i], it.v[it.i] }

// AtHistogram is for integer histograms, which add has made floats of.
func (it *iterator) AtHistogram(*histogram.Histogram) (int64, *histogram.Histogram) {
	panic("integer histogram asked of floats")
}

func (it *iterator) AtFloatHistogram(into *histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	if into == nil {
		return it.t[it.i], it.h[it.i].Copy()
	}
	it.h[it.i].CopyTo(into)
	return it.t[it.i], into
}

func (it *iterator) AtT() int64  { return it.t[it.i] }
func (it *iterator) AtST() int64 { return 0 }
func (it *iterator) Err() error  { return nil }

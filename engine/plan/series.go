package plan

import (
	"math"
	"sort"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
)

// family is the series of one metric name.
type family struct {
	// changed is the version of the window at which a series of it was last written.
	changed uint64
}

// never is before every timestamp.
const never = math.MinInt64

// series is one series of storage with its recent samples, as far as rules read
// them. What evaluations read comes first: it is on one line of the cache.
type series struct {
	last promql.FPoint // the newest float, here for those who need no more
	// points are the floats, stale markers among them, oldest first.
	points []promql.FPoint
	// since: every sample later than that is in points. A native histogram is not,
	// so that it comes to be its time; and it is the end of time where storage may
	// have any sample that is not here.
	since  int64
	family *family
	// stale markers and resets (a value below the one before) among points.
	stale, resets int32

	// keep is how long before the newest sample rules look, in milliseconds.
	keep   int64
	ref    storage.SeriesRef // in the head of the TSDB; 0 if it is not there
	labels labels.Labels
	hash   uint64
	next   *series // of the same hash
	gone   bool    // it is no more in the window
	_      [8]byte // to 128: the allocator begins such on a line
}

// seriesCost is what a series costs beside its points, in points: itself, its labels,
// its places in what is computed from it.
const seriesCost = 24

func newSeries(ls labels.Labels, hash uint64) *series { return &series{labels: ls, hash: hash} }

// size is the memory that a series takes, in points.
func (s *series) size() int { return seriesCost + cap(s.points) }

// forget drops all samples. Storage has none later than since, or they follow.
func (s *series) forget(since int64) {
	s.last, s.points, s.since = promql.FPoint{T: never}, nil, since
	s.stale, s.resets = 0, 0
}

// newest is the time of the last sample, or what no sample is known to be before.
func (s *series) newest() int64 { return max(s.last.T, s.since) }

// push takes a sample that storage has committed, and returns by how many points
// the memory of the series has grown. Storage drops without a word what another
// transaction has overtaken: whether it did cannot be known here.
func (s *series) push(t int64, v float64, histogram bool) int {
	if t <= s.newest() {
		if t != s.last.T || histogram || math.Float64bits(v) != math.Float64bits(s.last.F) {
			s.since = math.MaxInt64
		}
		return 0
	}
	if histogram {
		s.since = t
		return 0
	}
	grown := 0
	if len(s.points) == cap(s.points) {
		grown = s.room(t)
	}
	s.append(promql.FPoint{T: t, F: v})
	return grown
}

// broken: storage may have samples that are not here.
func (s *series) broken() bool { return s.since == math.MaxInt64 }

func (s *series) append(p promql.FPoint) {
	if value.IsStaleNaN(p.F) {
		s.stale++
	} else if p.F < s.last.F && len(s.points) > 0 {
		s.resets++
	}
	s.points = append(s.points, p)
	s.last = p
}

// room forgets what no rule reads any more, or takes more memory where too little
// is forgotten.
func (s *series) room(t int64) int {
	// The newest sample before the window stays: an instant selector may see it.
	first := sort.Search(len(s.points), func(i int) bool { return s.points[i].T > t-s.keep }) - 1
	if first > 0 {
		s.since = max(s.since, s.points[first-1].T)
	}
	kept := s.points[max(0, first):]
	before := cap(s.points)
	if target := s.points; len(kept) > before-before/4-1 {
		s.points = make([]promql.FPoint, 0, len(kept)+len(kept)/4+4)
		s.points = append(s.points, kept...)
	} else {
		s.points = target[:copy(target, kept)]
	}
	s.recount()
	return cap(s.points) - before
}

func (s *series) recount() {
	s.stale, s.resets = 0, 0
	for i, p := range s.points {
		if value.IsStaleNaN(p.F) {
			s.stale++
		} else if i > 0 && p.F < s.points[i-1].F {
			s.resets++
		}
	}
}

// What a series says of a moment.
type presence int

const (
	absent presence = iota
	present
	unknown // ask storage
)

// instant gives what an instant selector sees at a moment.
func (s *series) instant(at, lookback int64) (promql.FPoint, presence) {
	p := s.last
	if p.T > at {
		p.T = never
		if i := sort.Search(len(s.points), func(i int) bool { return s.points[i].T > at }); i > 0 {
			p = s.points[i-1]
		}
	}
	switch {
	case p.T <= s.since && s.since > at-lookback: // there may be a later one
		return p, unknown
	case p.T <= at-lookback || value.IsStaleNaN(p.F):
		return p, absent
	default:
		return p, present
	}
}

// between gives the floats in (from, to], stale markers among them. It is false if
// storage may have others. guess is how many there are if this series is like
// others: then little is read to find them.
func (s *series) between(from, to int64, guess int) ([]promql.FPoint, bool) {
	if s.since > from {
		return nil, false
	}
	ps := s.points
	hi := len(ps)
	if s.last.T > to {
		for hi > 0 && ps[hi-1].T > to {
			hi--
		}
	}
	lo := max(0, hi-guess)
	if lo == hi || ps[lo].T > from {
		for lo > 0 && ps[lo-1].T > from {
			lo--
		}
		return ps[lo:hi], true
	}
	for lo < hi && ps[lo].T <= from {
		lo++
	}
	return ps[lo:hi], true
}

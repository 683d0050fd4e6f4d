package plan

import (
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// window is the recent samples of all series that selectors of the plan match. It
// is guarded by the mutex of the plan.
type window struct {
	selectors map[string]*selector // by their matchers
	byName    map[string][]*selector
	nameless  []*selector // those that match more than one name
	families  map[string]*family
	all       family // every series of the window
	version   uint64 // grows with each transaction that changes something here

	// limit is how far before an evaluation, in milliseconds, the window has room to
	// look: what reaches farther is left to storage.
	limit int64

	refs   refTable
	byHash map[uint64][]*series // by labels
	// ignored stands in refs for a series that no selector matches.
	ignored *series
	// since: of series that are not here storage has no sample later than that.
	since  int64
	newest int64 // the latest time of any sample
	swept  int64 // newest when the last sweep was
	size   int   // points that there is memory for
	count  int   // series
	broken []*series
}

func newWindow() *window {
	return &window{
		selectors: map[string]*selector{}, byName: map[string][]*selector{}, families: map[string]*family{},
		byHash: map[uint64][]*series{}, ignored: &series{}, since: never, newest: never, swept: never, limit: math.MaxInt64,
	}
}

// selector gives the one of these matchers.
func (w *window) selector(matchers []*labels.Matcher, l look) *selector {
	key := matchersKey(matchers)
	s := w.selectors[key]
	if s == nil {
		s = &selector{matchers: slices.Clone(matchers), family: &w.all}
		w.selectors[key] = s
		if name, ok := metricName(matchers); ok {
			s.family = w.familyOf(name)
			w.byName[name] = append(w.byName[name], s)
		} else {
			w.nameless = append(w.nameless, s)
		}
	}
	if !slices.Contains(s.looks, l) {
		s.looks = append(s.looks, l)
	}
	return s
}

func (w *window) familyOf(name string) *family {
	f := w.families[name]
	if f == nil {
		f = &family{}
		w.families[name] = f
	}
	return f
}

// sample is one of a transaction.
type sample struct {
	ref       storage.SeriesRef
	labels    labels.Labels
	t         int64
	v         float64
	histogram bool
}

// publish takes in what one transaction has stored.
func (w *window) publish(samples []sample) {
	version, touched := w.version+1, false
	for i := range samples {
		p := &samples[i]
		w.newest = max(w.newest, p.t)
		s := w.refs.get(p.ref)
		if s == nil {
			s = w.attach(p.ref, p.labels)
		}
		if s == w.ignored {
			continue
		}
		touched = true
		s.family.changed = version
		wasBroken := s.broken()
		w.size += s.push(p.t, p.v, p.histogram)
		if s.broken() && !wasBroken {
			w.broken = append(w.broken, s)
		}
	}
	if touched {
		w.version, w.all.changed = version, version
	}
}

// attach finds out who selects a series that was not written before, or not under
// this reference.
func (w *window) attach(ref storage.SeriesRef, ls labels.Labels) *series {
	ls = ls.WithoutEmpty() // as storage has them
	s := w.find(ls)
	switch {
	case s != nil: // storage had forgotten it: it has another place among the others
		for _, sel := range w.matching(ls) {
			sel.generation++
		}
		if s.ref != 0 {
			w.refs.set(s.ref, nil)
		}
	default:
		s = w.enlist(ls)
	}
	if s == nil {
		w.refs.set(ref, w.ignored)
		return w.ignored
	}
	w.refer(s, ref)
	return s
}

// refer notes the reference of a series.
func (w *window) refer(s *series, ref storage.SeriesRef) {
	s.ref = ref
	w.refs.set(ref, s)
}

func (w *window) find(ls labels.Labels) *series {
	for _, s := range w.byHash[ls.Hash()] {
		if labels.Equal(s.labels, ls) {
			return s
		}
	}
	return nil
}

// enlist makes a series a member of all selectors that match it; nil if none does.
func (w *window) enlist(ls labels.Labels) *series {
	sels := w.matching(ls)
	if len(sels) == 0 {
		return nil
	}
	s := newSeries(ls, w.familyOf(ls.Get(labels.MetricName)), w.since)
	w.byHash[s.hash] = append(w.byHash[s.hash], s)
	w.count++
	for _, sel := range sels {
		sel.members = append(sel.members, s)
		l, _ := sel.within(w.limit)
		s.keep = max(s.keep, l.keep)
	}
	return s
}

// matching gives the selectors that match a series, but for those that are left to
// storage.
func (w *window) matching(ls labels.Labels) []*selector {
	var found []*selector
	for _, list := range [][]*selector{w.byName[ls.Get(labels.MetricName)], w.nameless} {
		for _, sel := range list {
			if _, ok := sel.within(w.limit); ok && sel.matches(ls) {
				found = append(found, sel)
			}
		}
	}
	return found
}

// sweepEvery is how often, in milliseconds of the samples' time, series are looked
// for that are no more.
const sweepEvery = 10 * 60 * 1000

// sweep drops the series that no rule can see any more: all their samples are
// older than the selectors look, by one sweep. It is false if it is too early for
// that.
func (w *window) sweep() bool {
	if w.swept == never {
		w.swept = w.newest
	}
	if w.newest < w.swept+sweepEvery {
		return false
	}
	w.swept = w.newest
	gone := map[*series]bool{}
	for _, list := range w.byHash {
		for _, s := range list {
			if s.newest() < w.newest-s.keep-sweepEvery {
				gone[s] = true
				w.since = max(w.since, s.newest())
				w.size -= cap(s.points)
				w.count--
			}
		}
	}
	w.refs = refTable{} // those that nobody selects are forgotten with them
	isGone := func(s *series) bool { return gone[s] }
	for hash, list := range w.byHash {
		if list = slices.DeleteFunc(list, isGone); len(list) == 0 {
			delete(w.byHash, hash)
			continue
		}
		w.byHash[hash] = list
		for _, s := range list {
			if s.ref != 0 {
				w.refs.set(s.ref, s)
			}
		}
	}
	for _, sel := range w.selectors {
		before := len(sel.members)
		sel.members = slices.DeleteFunc(sel.members, isGone)
		if len(sel.members) != before {
			sel.generation++
		}
	}
	return true
}

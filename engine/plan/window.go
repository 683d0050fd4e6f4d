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
	byHash map[uint64]*series // by labels; more of the same hash follow as next
	// ignored stands in refs for a series that no selector matches.
	ignored *series
	// since: of series that are not here storage has no sample later than that.
	since  int64
	newest int64 // the latest time of any sample
	swept  int64 // newest when the last sweep was
	size   int   // points that there is memory for, and what series cost
	count  int   // series
	broken []*series
}

func newWindow() *window {
	return &window{
		selectors: map[string]*selector{}, byName: map[string][]*selector{}, families: map[string]*family{},
		byHash: map[uint64]*series{}, ignored: &series{}, since: never, newest: never, swept: never, limit: math.MaxInt64,
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
	hash := ls.Hash()
	s := w.find(ls, hash)
	switch {
	case s != nil: // storage had forgotten it: it has another place among the others
		for _, sel := range w.matching(ls) {
			sel.generation++
		}
		if s.ref != 0 {
			w.refs.set(s.ref, nil)
		}
	default:
		s = w.enlist(ls, hash)
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

func (w *window) find(ls labels.Labels, hash uint64) *series {
	for s := w.byHash[hash]; s != nil; s = s.next {
		if labels.Equal(s.labels, ls) {
			return s
		}
	}
	return nil
}

// enlist makes a series a member of all selectors that match it; nil if none does.
func (w *window) enlist(ls labels.Labels, hash uint64) *series {
	sels := w.matching(ls)
	if len(sels) == 0 {
		return nil
	}
	s := newSeries(ls, hash)
	s.forget(w.since)
	for _, sel := range sels {
		l, _ := sel.within(w.limit)
		s.keep = max(s.keep, l.keep)
	}
	w.add(s, sels)
	return s
}

// add makes a series, with what is in it, a member of these selectors.
func (w *window) add(s *series, sels []*selector) {
	s.family = w.familyOf(s.labels.Get(labels.MetricName))
	s.next = w.byHash[s.hash]
	w.byHash[s.hash] = s
	w.count++
	w.size += s.size()
	for _, sel := range sels {
		sel.members = append(sel.members, s)
	}
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

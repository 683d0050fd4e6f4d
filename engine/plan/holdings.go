package plan

import (
	"math"
	"slices"
)

// wants gives the selectors that there is room for, and how far they look.
func (w *window) wants() []wanted {
	var list []wanted
	for _, s := range w.selectors {
		if l, ok := s.within(w.limit); ok {
			list = append(list, wanted{s, l})
		}
	}
	return list
}

// farthest is how far the selectors look back, within the limit.
func (w *window) farthest() int64 {
	var most int64
	for _, s := range w.wants() {
		most = max(most, s.reach)
	}
	return most
}

// deepest is how long any samples are kept.
func (w *window) deepest() int64 {
	var most int64
	for _, s := range w.wants() {
		most = max(most, s.keep)
	}
	return most
}

// empty drops all series.
func (w *window) empty() {
	w.refs, w.byHash, w.size, w.count, w.broken = refTable{}, map[uint64]*series{}, 0, 0, nil
	w.newest, w.swept = never, never
	for _, s := range w.selectors {
		s.members = nil
		s.generation++
		s.rosters = [orders]roster{}
	}
}

// install puts series of storage, with all their samples after since, into the
// window, which is empty.
func (w *window) install(list []*found, since int64) {
	w.since = since
	for _, x := range list {
		w.add(x.series, x.selectors)
		w.newest = max(w.newest, x.newest())
		if x.ref != 0 {
			w.refer(x.series, x.ref)
		}
	}
	w.version++
	w.all.changed = w.version
	for _, f := range w.families {
		f.changed = w.version
	}
}

// oldest is the time of the earliest float of all.
func (w *window) oldest() int64 {
	oldest := int64(math.MaxInt64)
	for _, s := range w.byHash {
		for ; s != nil; s = s.next {
			if len(s.points) > 0 {
				oldest = min(oldest, s.points[0].T)
			}
		}
	}
	return oldest
}

// replace gives a series the samples of another.
func (w *window) replace(s, by *series) {
	w.size -= s.size()
	s.last, s.points, s.since, s.stale, s.resets = by.last, by.points, by.since, by.stale, by.resets
	w.size += s.size()
	w.newest = max(w.newest, s.newest())
	w.version++
	w.all.changed, s.family.changed = w.version, w.version
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
	w.refs = refTable{} // those that nobody selects are forgotten with them
	for hash, s := range w.byHash {
		var kept *series
		for next := s; next != nil; {
			s, next = next, next.next
			if s.newest() < w.newest-s.keep-sweepEvery {
				w.since = max(w.since, s.newest())
				w.size -= s.size()
				w.count--
				s.gone = true
				continue
			}
			s.next, kept = kept, s
			if s.ref != 0 {
				w.refs.set(s.ref, s)
			}
		}
		if kept == nil {
			delete(w.byHash, hash)
		} else {
			w.byHash[hash] = kept
		}
	}
	for _, sel := range w.selectors {
		before := len(sel.members)
		sel.members = slices.DeleteFunc(sel.members, func(s *series) bool { return s.gone })
		if len(sel.members) != before {
			sel.generation++
		}
	}
	return true
}

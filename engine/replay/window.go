package replay

import (
	"context"
	"fmt"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

const (
	// segmentIntervals is how far ahead samples are read, in scrapes: four hours
	// at 15 s.
	segmentIntervals = 1024
	// maxHeld is the number of samples (16 bytes each) from which on less is read
	// ahead.
	maxHeld = 8 << 20
)

// window is the part of the history that rules look at now. Rules ask for the
// same series again and again, a little later each time: what a selector matches
// is read from the source once, a segment ahead, and forgotten when the rules
// have moved past it.
type window struct {
	source storage.Queryable
	// end is that of the history: nothing behind it is asked for.
	end millis
	// segment is how far ahead is read; minSegment how little that may become.
	segment, minSegment millis
	// now is the time that the replay has come to.
	now millis
	// hides tells which series of the history are not to be seen.
	hides func(labels.Labels) bool

	selections map[string]*selection
	held       int    // samples in all selections
	key        []byte // scratch space
	err        error  // the first of the source
}

func newWindow(source storage.Queryable, end, interval millis, hides func(labels.Labels) bool) *window {
	return &window{
		source: source, end: end, hides: hides, selections: map[string]*selection{},
		segment: segmentIntervals * interval, minSegment: 16 * interval,
	}
}

// selection is what one selector matches, from lo to hi.
type selection struct {
	lo, hi millis
	// reach is the furthest that was looked back.
	reach    millis
	list     []*series
	byLabels map[string]*series
}

// find adds to list the series that match, with their samples from start to end;
// series without any are left out.
func (w *window) find(ctx context.Context, list []series, start, end millis, ms []*labels.Matcher) ([]series, error) {
	w.key = w.key[:0]
	for _, m := range ms {
		w.key = append(w.key, m.Name...)
		w.key = append(w.key, 0xff, byte(m.Type))
		w.key = append(w.key, m.Value...)
		w.key = append(w.key, 0xff)
	}
	sel := w.selections[string(w.key)]
	if sel == nil {
		sel = &selection{lo: start, hi: start - 1, byLabels: map[string]*series{}}
		w.selections[string(w.key)] = sel
	}
	sel.reach = max(sel.reach, w.now-start)
	if err := w.cover(ctx, sel, start, end, ms); err != nil {
		w.err = fmt.Errorf("read history: %w", err)
		return nil, w.err
	}
	for _, s := range sel.list {
		if part := s.between(start, end); len(part.t) > 0 {
			list = append(list, series{labels: s.labels, samples: part})
		}
	}
	return list, nil
}

// cover makes sel hold what there is from start to end.
func (w *window) cover(ctx context.Context, sel *selection, start, end millis, ms []*labels.Matcher) error {
	if start < sel.lo { // it never looked back as far
		w.held -= sel.forget(sel.hi + 1)
		sel.lo, sel.hi = start, start-1
	}
	if end <= sel.hi {
		return nil
	}
	if w.held > maxHeld {
		w.segment = max(w.segment/2, w.minSegment)
	}
	if keep := w.now - sel.reach; keep > sel.lo {
		w.held -= sel.forget(keep)
		sel.lo = min(keep, sel.hi+1)
	}
	to := max(end, min(end+w.segment, w.end))
	n, err := sel.read(ctx, w.source, to, w.hides, ms)
	w.held += n
	return err
}

// forget drops the samples before start, and returns their number.
func (s *selection) forget(start millis) (n int) {
	kept := s.list[:0]
	for _, one := range s.list {
		had := len(one.t)
		one.samples = one.since(start)
		n += had - len(one.t)
		if len(one.t) > 0 {
			kept = append(kept, one)
		} else {
			delete(s.byLabels, string(one.labels.Bytes(nil)))
		}
	}
	clear(s.list[len(kept):])
	s.list = kept
	return n
}

// read adds the samples behind hi, up to and with to, and returns their number.
func (s *selection) read(ctx context.Context, from storage.Queryable, to millis, hides func(labels.Labels) bool, ms []*labels.Matcher) (n int, err error) {
	q, err := from.Querier(s.hi+1, to)
	if err != nil {
		return 0, err
	}
	defer q.Close()
	set := q.Select(ctx, true, &storage.SelectHints{Start: s.hi + 1, End: to}, ms...)
	for set.Next() { // in the order of labels, as the list is
		one := set.At()
		ls := one.Labels()
		if hides(ls) {
			continue
		}
		key := string(ls.Bytes(nil))
		known := s.byLabels[key]
		if known == nil {
			known = &series{labels: ls}
			s.byLabels[key] = known
			s.list = append(s.list, known)
		}
		had := len(known.t)
		if err := known.addAll(one.Iterator(nil)); err != nil {
			return n, err
		}
		n += len(known.t) - had
	}
	s.hi = to
	return n, set.Err()
}

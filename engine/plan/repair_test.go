package plan

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// TestRepairHearsOfCommits: a series that has to be read again does not lose what is
// committed meanwhile, nor do others.
func TestRepairHearsOfCommits(t *testing.T) {
	w := newWorld(t, nil)
	w.put(t0, "m 1", `m{i="1"} 1`)
	r := w.rules("m")[0]
	w.expect("first", r, t0, `[{__name__="m", i="1"} 1 {__name__="m"} 1]`)
	at := t0.Add(step15)
	w.put(at, "m 2", "m 3") // which of the two it is storage decides
	g := newGated(forward{w})
	before := w.opts.Queryable
	w.opts.Queryable = g
	later := at.Add(time.Second)
	answer := make(chan string)
	go func() { answer <- w.answer(r, later) }()
	<-g.begun
	w.put(later, `m{i="1"} 4`)
	w.opts.Queryable = before
	close(g.end)
	if got, want := <-answer, `[{__name__="m", i="1"} 4 {__name__="m"} 2]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := testutil.ToFloat64(w.metrics.fills); n != 1 {
		t.Errorf("the window was read %v times, want once", n)
	}
}

// unreadable is storage that does not give back what is selected.
type unreadable struct {
	forward
	meanwhile func()
}

func (u unreadable) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := u.forward.Querier(mint, maxt)
	return unreadableQuerier{q, u}, err
}

type unreadableQuerier struct {
	storage.Querier
	unreadable
}

func (q unreadableQuerier) Select(context.Context, bool, *storage.SelectHints, ...*labels.Matcher) storage.SeriesSet {
	q.meanwhile()
	return storage.ErrSeriesSet(errors.New("input/output error"))
}

// TestFailedRepairLosesNothing: what is committed while a repair fails is seen with
// the next.
func TestFailedRepairLosesNothing(t *testing.T) {
	w := newWorld(t, nil)
	w.put(t0, "m 1", "n 1")
	r := w.rules("m + on () n")[0]
	w.expect("first", r, t0, "[{} 2]")
	at := t0.Add(step15)
	w.put(at, "m 2", "m 3") // which of the two it is storage decides
	readable := w.opts.Queryable
	later := at.Add(step15)
	w.opts.Queryable = unreadable{forward{w}, func() { w.put(later, "n 5") }}
	w.expect("while storage cannot be read", r, at, "engine")
	w.opts.Queryable = readable
	w.expect("when it can", r, at.Add(time.Minute), "[{} 7]")
	if n := testutil.ToFloat64(w.metrics.fills); n != 1 {
		t.Errorf("the window was read %v times, want once", n)
	}
}

// TestRepairKeepsWhatRulesRead: a series that was read again has its whole window.
func TestRepairKeepsWhatRulesRead(t *testing.T) {
	w := newWorld(t, nil)
	r := w.rules("count_over_time(m[10m])")[0]
	at := t0
	for range 60 {
		at = at.Add(step15)
		w.put(at, "m 1")
		w.answer(r, at)
	}
	at = at.Add(step15)
	w.put(at, "m 2", "m 3") // which of the two it is storage decides
	w.expect("after the repair", r, at, "[{} 40]")
}

// selecting counts the selections.
type selecting struct {
	forward
	n *int
}

func (s selecting) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := s.forward.Querier(mint, maxt)
	return selectingQuerier{q, s.n}, err
}

type selectingQuerier struct {
	storage.Querier
	n *int
}

func (q selectingQuerier) Select(ctx context.Context, sorted bool, h *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	*q.n++
	return q.Querier.Select(ctx, sorted, h, ms...)
}

// TestRepairOfManyIsOneReading: its cost is that of the selectors, however many series
// are broken.
func TestRepairOfManyIsOneReading(t *testing.T) {
	var n int
	w := newWorld(t, func(o *Options) { o.Queryable = selecting{o.Queryable.(forward), &n} })
	rs := w.rules("sum(m)", `count(m{i=~"1.*"})`, "other")
	var first, second, third []string
	for i := range 10 * mostAlone {
		first = append(first, fmt.Sprintf(`m{i="%d"} 1`, i))
		second = append(second, fmt.Sprintf(`m{i="%d"} 2`, i))
		third = append(third, fmt.Sprintf(`m{i="%d"} 3`, i))
	}
	w.put(t0, append(first, "other 1")...)
	for _, r := range rs {
		w.compare(r, t0)
	}
	n = 0
	at := t0.Add(step15)
	w.put(at, append(second, third...)...)
	w.expect("after the repair", rs[0], at, fmt.Sprintf("[{} %d]", 2*len(first)))
	for _, r := range rs {
		w.compare(r, at)
	}
	if n != 2 && n != 2+3 { // and those of the comparison
		t.Errorf("%d selections for %d broken series", n, len(first))
	}
	if fills := testutil.ToFloat64(w.metrics.fills); fills != 1 {
		t.Errorf("the window was read %v times, want once", fills)
	}
}

package plan

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// gated is storage whose queries say that they have begun, and wait.
type gated struct {
	forward
	begun, end chan struct{}
}

func newGated(f forward) gated { return gated{f, make(chan struct{}), make(chan struct{})} }

func (g gated) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := g.forward.Querier(mint, maxt)
	return gatedQuerier{q, g}, err
}

type gatedQuerier struct {
	storage.Querier
	gated
}

func (q gatedQuerier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	q.begun <- struct{}{}
	<-q.end
	return q.Querier.Select(ctx, sorted, hints, ms...)
}

// whileFilling evaluates count_over_time(m[5m]) for the first time and calls do while
// storage is read for it. It gives the answer.
func whileFilling(w *world, at time.Time, do func(r *Rule)) string {
	w.t.Helper()
	g := newGated(forward{w})
	before := w.opts.Queryable
	w.opts.Queryable = g
	r := w.rules("count_over_time(m[5m])")[0]
	answer := make(chan string)
	go func() { answer <- w.answer(r, at) }()
	<-g.begun
	do(r)
	w.opts.Queryable = before
	close(g.end)
	return <-answer
}

// TestFillingHoldsNobodyUp: samples that are committed while storage is read are seen
// with the others, and nobody waits but for an answer.
func TestFillingHoldsNobodyUp(t *testing.T) {
	w := newWorld(t, nil)
	at := t0
	for range 4 {
		w.put(at, "m 1")
		at = at.Add(step15)
	}
	second := make(chan string)
	got := whileFilling(w, at, func(r *Rule) {
		w.put(at, "m 1", `m{i="new"} 1`, "n 1")
		if n := testutil.ToFloat64(w.metrics.series); n != 0 {
			t.Errorf("%v series while the window is filled, want none", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, ok := r.Vector(ctx, at); ok {
			t.Error("an evaluation that was cancelled has an answer")
		}
		go func() { second <- w.answer(r, at) }()
	})
	if want := `[{i="new"} 1 {} 5]`; got != want {
		t.Errorf("the first to ask got %s, want %s", got, want)
	}
	if want := <-second; got != want {
		t.Errorf("the second to ask got %s, the first %s", want, got)
	}
	if n := testutil.ToFloat64(w.metrics.fills); n != 1 {
		t.Errorf("the window was read %v times, want once", n)
	}
}

// TestWhatMayHappenWhileFilling: what has been read is not believed then, or is of no
// use any more.
func TestWhatMayHappenWhileFilling(t *testing.T) {
	f := &fragile{}
	w := newWorld(t, func(o *Options) {
		f.forward = o.Appendable.(forward)
		o.Appendable = f
	})
	at := t0
	for range 4 {
		w.put(at, "m 1")
		at = at.Add(step15)
	}
	got := whileFilling(w, at, func(*Rule) { w.generation++ })
	if want := "[{} 4]"; got != want {
		t.Errorf("storage is exchanged: %s, want %s", got, want)
	}
	got = whileFilling(w, at, func(*Rule) {
		f.broken = true
		app := w.AppenderV2(t.Context())
		if _, err := app.Append(0, labels.FromStrings(labels.MetricName, "m"), 0, at.UnixMilli(), 2, nil, nil, storage.AOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := app.Commit(); err == nil {
			t.Fatal("the commit succeeded")
		}
		f.broken = false
	})
	if want := "[{} 4]"; got != want {
		t.Errorf("a commit fails: %s, want %s", got, want)
	}
	if n := testutil.ToFloat64(w.metrics.fills); n != 4 {
		t.Errorf("the window was read %v times, want each time once more", n)
	}
	var other *Rule
	got = whileFilling(w, at, func(*Rule) { other = w.rules("m")[0] })
	if want := "engine"; got != want {
		t.Errorf("other rules are loaded: %s, want %s", got, want)
	}
	w.expect("the other rule", other, at, `[{__name__="m"} 1]`)
}

// unsound is storage with a fault.
type unsound struct{ forward }

func (unsound) Querier(int64, int64) (storage.Querier, error) { panic("fault") }

func TestFaultWhileFilling(t *testing.T) {
	w := newWorld(t, nil)
	w.put(t0, "m 1")
	sound := w.opts.Queryable
	rs := w.rules("m", "sum(m)")
	w.opts.Queryable = unsound{}
	w.expect("a fault", rs[0], t0, "engine")
	w.opts.Queryable = sound
	w.expect("another rule afterwards", rs[1], t0, "[{} 1]")
}

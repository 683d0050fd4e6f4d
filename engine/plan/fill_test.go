package plan

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// failingCommit is storage whose transactions end in an error.
type failingCommit struct{ storage.AppenderV2 }

func (f failingCommit) Commit() error {
	return errors.Join(errors.New("no space left on device"), f.AppenderV2.Rollback())
}

type fragile struct {
	forward
	broken bool
}

func (f *fragile) AppenderV2(ctx context.Context) storage.AppenderV2 {
	if f.broken {
		return failingCommit{f.forward.AppenderV2(ctx)}
	}
	return f.forward.AppenderV2(ctx)
}

func TestFailedCommitIsReadFromStorage(t *testing.T) {
	f := &fragile{}
	w := newWorld(t, func(o *Options) {
		f.forward = o.Appendable.(forward)
		o.Appendable = f
	})
	r := w.rules("m")[0]
	w.put(t0, "m 1")
	w.expect("before", r, t0, `[{__name__="m"} 1]`)
	f.broken = true
	app := w.AppenderV2(t.Context())
	if _, err := app.Append(0, labels.FromStrings(labels.MetricName, "m"), 0, t0.UnixMilli()+1, 2, nil, nil, storage.AOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := app.Commit(); err == nil {
		t.Fatal("the commit succeeded")
	}
	f.broken = false
	w.expect("after", r, t0.Add(time.Second), `[{__name__="m"} 1]`)
	if got := testutil.ToFloat64(w.metrics.fills); got != 2 {
		t.Errorf("the window was read %v times, want 2", got)
	}
}

func TestExchangedStorageIsReadAnew(t *testing.T) {
	w := newWorld(t, nil)
	r := w.rules("count_over_time(m[5m])")[0]
	at := t0
	for range 8 {
		w.put(at, "m 1", "n 1")
		w.compare(r, at)
		at = at.Add(step15)
	}
	before := w.AppenderV2(t.Context())
	m := labels.FromStrings(labels.MetricName, "m")
	if _, err := before.Append(0, m, 0, at.UnixMilli(), 1, nil, nil, storage.AOptions{}); err != nil {
		t.Fatal(err)
	}
	w.generation++ // as if storage had been exchanged beneath the transaction
	if err := before.Commit(); err != nil {
		t.Fatal(err)
	}
	w.expect("after the exchange", r, at, `[{} 9]`)
	w.reopen()
	w.put(at.Add(step15), "m 1")
	w.expect("after a restart", r, at.Add(step15), `[{} 10]`)
	w.Invalidate()
	w.expect("after a call", r, at.Add(step15), `[{} 10]`)
}

// TestCrowdedWindow: what looks back farthest is left to storage.
func TestCrowdedWindow(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.MaxPoints = 200 })
	at := t0
	for range 100 {
		at = at.Add(step15)
		w.put(at, `m{i="1"} 1`, `m{i="2"} 1`, "n 1")
	}
	rs := w.rules("sum_over_time(m[25m])", "m", "sum_over_time(n[10m])")
	w.expect("too long", rs[0], at, "engine")
	w.expect("short", rs[1], at, `[{__name__="m", i="1"} 1 {__name__="m", i="2"} 1]`)
	w.expect("not as long", rs[2], at, `[{} 40]`)
}

// slow is storage of which a query takes an hour.
type slow struct{ forward }

func (s slow) Querier(mint, maxt int64) (storage.Querier, error) {
	time.Sleep(time.Hour)
	return s.forward.Querier(mint, maxt)
}

// TestSlowStorage: what cannot be read in time is not tried in full again.
func TestSlowStorage(t *testing.T) {
	w := newWorld(t, nil)
	at := t0
	for range 20 {
		at = at.Add(step15)
		w.put(at, "m 1")
	}
	fast := w.opts.Queryable
	rs := w.rules("sum_over_time(m[4m])", "count_over_time(m[1m])")
	synctest.Test(t, func(t *testing.T) {
		w.opts.Queryable = slow{fast.(forward)}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		if _, ok := rs[0].Vector(ctx, at); ok {
			t.Error("there is an answer from storage that gave none in time")
		}
	})
	w.opts.Queryable = fast
	w.expect("soon after", rs[1], at, "engine")
	at = at.Add(time.Minute)
	w.expect("later, far back", rs[0], at, "engine")
	w.expect("later", rs[1], at, "[]")
}

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

package plan

import (
	"context"
	"errors"
	"fmt"
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

// interrupted has something happen between two selections of one reading.
type interrupted struct {
	forward
	between func()
}

func (i *interrupted) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := i.forward.Querier(mint, maxt)
	return &interruptedQuerier{q, i, 0}, err
}

type interruptedQuerier struct {
	storage.Querier
	of       *interrupted
	selected int
}

func (q *interruptedQuerier) Select(ctx context.Context, sorted bool, h *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	if q.selected++; q.selected == 2 && q.of.between != nil {
		q.of.between()
	}
	return q.Querier.Select(ctx, sorted, h, ms...)
}

// TestSeriesBornWhileReading: the selections that come after it find the series, none
// of its samples, and those before do not find it.
func TestSeriesBornWhileReading(t *testing.T) {
	i := &interrupted{}
	w := newWorld(t, func(o *Options) {
		i.forward = o.Queryable.(forward)
		o.Queryable = i
	})
	rs := w.rules("count(m)", `count(m{a="x"})`)
	w.put(t0, `m{a="x",n="1"} 1`)
	i.between = func() { w.put(t0, `m{a="x",n="2"} 1`) }
	for _, r := range rs {
		w.expect(r.query.Expr, r, t0, "[{} 2]")
	}
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
	for range 110 { // in which the others end
		at = at.Add(step15)
		w.put(at, "n 1")
		w.answer(rs[2], at)
	}
	w.expect("when there is room again", rs[0], at, "[]")
}

// TestChurn: series that come and go do not stay, and more than there is room for
// are left to storage.
func TestChurn(t *testing.T) {
	w := newWorld(t, nil)
	r := w.rules("count(m)", "count_over_time(n[10m])")[0]
	at, most := t0, 0
	for i := range 480 {
		at = at.Add(step15)
		w.put(at, fmt.Sprintf(`m{i="%d"} 1`, i), fmt.Sprintf(`n{i="%d"} 1`, i), fmt.Sprintf(`other{i="%d"} 1`, i))
		if !w.compare(r, at) {
			t.Fatalf("no answer at %v", at.Sub(t0))
		}
		most = max(most, w.window.count)
	}
	// Those of the window of ten minutes stay for a little more than twenty further ones.
	if limit := 2 * 4 * 35; most > limit {
		t.Errorf("there were %d series in the window at a time, want %d at most", most, limit)
	}
	if n := len(w.window.refs.pages); n > 2 {
		t.Errorf("%d pages of references, want those of the series that are there", n)
	}
	w.opts.MaxPoints = 100 * seriesCost
	for i := range 200 {
		at = at.Add(time.Second)
		w.put(at, fmt.Sprintf(`m{i="x%d"} 1`, i))
		w.compare(r, at)
		if size, most := w.window.size, 130*seriesCost; size > most {
			t.Fatalf("the window takes %d points, want %d at most", size, most)
		}
	}
	w.expect("too many series", r, at, "engine")
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

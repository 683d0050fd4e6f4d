package replay

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql/parser"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/prometheus/prometheus/util/teststorage"
)

func matchers(t *testing.T, selector string) []*labels.Matcher {
	t.Helper()
	ms, err := parser.NewParser(parser.Options{}).ParseMetricSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

// content is a result as text, bit by bit.
func content(t *testing.T, set promstorage.SeriesSet) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for set.Next() {
		it := set.At().Iterator(nil)
		key := set.At().Labels().String()
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			if kind == chunkenc.ValFloat {
				at, v := it.At()
				out[key] = append(out[key], fmt.Sprintf("%d %x", at-t0.UnixMilli(), math.Float64bits(v)))
				continue
			}
			at, h := it.AtFloatHistogram(nil)
			out[key] = append(out[key], fmt.Sprintf("%d %s", at-t0.UnixMilli(), h))
		}
		if it.Err() != nil {
			t.Fatal(it.Err())
		}
	}
	if set.Err() != nil {
		t.Fatal(set.Err())
	}
	return out
}

// TestWindowIsItsSource: whatever is asked for, in whatever order, with time going
// on, the window gives what its source has.
func TestWindowIsItsSource(t *testing.T) {
	h := recorded(t, `x{a="1"} 1+1x400`, `x{a="2"} 1x50 _x100 2x200`, `x{a="3"} _x380 1x20`, `y 1 stale 3 _x50 4x300`, `z _x200 1 _x199 1`,
		`hist {{schema:0 sum:1 count:4 buckets:[1 2 1]}}x300`)
	end := t0.Add(410 * step15).UnixMilli()
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		w := newWindow(h, end, step15.Milliseconds(), func(ls labels.Labels) bool { return ls.Get("a") == "2" && seed%2 == 1 })
		w.segment = int64(1+rnd.IntN(100)) * step15.Milliseconds()
		now := t0.UnixMilli()
		for now < end {
			w.now = now
			sel := []string{"x", `x{a!="1"}`, "y", "z", "none", "hist", `{__name__=~"x|hist"}`}[rnd.IntN(7)]
			start := now - rnd.Int64N(40*step15.Milliseconds())
			to := now
			if rnd.IntN(4) == 0 {
				to = min(end, now+rnd.Int64N(40*step15.Milliseconds())) // as foresight does
			}
			list, err := w.find(t.Context(), nil, start, to, matchers(t, sel))
			if err != nil {
				t.Fatal(err)
			}
			q, err := h.Querier(start, to)
			if err != nil {
				t.Fatal(err)
			}
			want := content(t, q.Select(t.Context(), true, nil, matchers(t, sel)...))
			if seed%2 == 1 {
				delete(want, `{__name__="x", a="2"}`)
			}
			if diff := cmp.Diff(want, content(t, &seriesSet{list: list})); diff != "" {
				t.Fatalf("seed %d, %s from %d to %d (-source +window):\n%s", seed, sel, start, to, diff)
			}
			q.Close()
			now += rnd.Int64N(5 * step15.Milliseconds())
		}
		held := 0
		for _, s := range w.selections {
			for _, one := range s.list {
				held += len(one.t)
			}
		}
		if held != w.held {
			t.Errorf("seed %d: %d samples are held, %d are counted", seed, held, w.held)
		}
	}
}

func TestWindowForgets(t *testing.T) {
	h := recorded(t, `x 1x4000`)
	w := newWindow(h, t0.Add(4000*step15).UnixMilli(), step15.Milliseconds(), func(labels.Labels) bool { return false })
	for i := range 4000 {
		w.now = t0.UnixMilli() + int64(i)*step15.Milliseconds()
		if _, err := w.find(t.Context(), nil, w.now-60_000, w.now, matchers(t, "x")); err != nil {
			t.Fatal(err)
		}
		if w.held > segmentIntervals+10 {
			t.Fatalf("%d samples are held at %d", w.held, i)
		}
	}
}

// TestScratchIsATSDB: the same appends, the same refusals, the same content.
func TestScratchIsATSDB(t *testing.T) {
	hist := tsdbutil.GenerateTestFloatHistogram(1)
	other := tsdbutil.GenerateTestFloatHistogram(2)
	db := teststorage.New(t)
	s := newScratch(-1)
	x, y := labels.FromStrings("__name__", "x", "a", "1"), labels.FromStrings("__name__", "y")
	staleNaN := math.Float64frombits(value.StaleNaN)
	for i, a := range []struct {
		ls labels.Labels
		t  millis
		v  float64
		h  *histogram.FloatHistogram
	}{
		{x, 10, 1, nil}, {x, 10, 1, nil}, {x, 10, 2, nil}, {x, 9, 1, nil}, {x, 20, staleNaN, nil}, {x, 20, staleNaN, nil}, {x, 20, math.NaN(), nil},
		{y, 10, 0, hist}, {y, 10, 0, hist}, {y, 10, 0, other}, {y, 10, 5, nil}, {y, 30, 5, nil}, {y, 30, 0, hist}, {x, 30, 3, nil},
	} {
		var errs [2]error
		for j, app := range []promstorage.AppenderV2{db.AppenderV2(t.Context()), s.AppenderV2(t.Context())} {
			at := t0.UnixMilli() + a.t
			_, errs[j] = app.Append(0, a.ls, 0, at, a.v, nil, a.h, promstorage.AOptions{RejectOutOfOrder: true})
			if err := app.Commit(); err != nil {
				t.Fatal(err)
			}
		}
		if (errs[0] == nil) != (errs[1] == nil) {
			t.Errorf("append %d: a TSDB says %v, scratch %v", i, errs[0], errs[1])
		}
	}
	start, end := t0.UnixMilli(), t0.UnixMilli()+100
	for _, sel := range []string{"x", "y", `{a=~".*"}`, `{__name__!="x"}`, `x{a="2"}`, `{a="1"}`} {
		q, err := db.Querier(start, end)
		if err != nil {
			t.Fatal(err)
		}
		want := content(t, q.Select(t.Context(), true, nil, matchers(t, sel)...))
		got := content(t, &seriesSet{list: s.find(nil, start, end, matchers(t, sel))})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-tsdb +scratch):\n%s", sel, diff)
		}
		q.Close()
	}
	app := s.AppenderV2(t.Context())
	if _, err := app.Append(0, x, 0, t0.UnixMilli()+50, 1, nil, nil, promstorage.AOptions{}); err != nil {
		t.Error(err)
	}
	if err := app.Rollback(); err != nil || len(s.find(nil, start+50, end, matchers(t, "x"))) != 0 {
		t.Errorf("rolled back, and there: %v", err)
	}
}

// TestScratchForgets what no rule looks back to.
func TestScratchForgets(t *testing.T) {
	s := newScratch(60_000)
	for i := range int64(100_000) {
		s.now = i * 1000
		app := s.AppenderV2(t.Context())
		if _, err := app.Append(0, labels.FromStrings("__name__", "x"), 0, s.now, 1, nil, nil, promstorage.AOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := app.Commit(); err != nil {
			t.Fatal(err)
		}
		list := s.find(nil, s.now-60_000, s.now, matchers(t, "x"))
		if want := min(int(i)+1, 61); len(list) != 1 || len(list[0].t) != want {
			t.Fatalf("at %d: %d samples in reach, want %d", i, len(list[0].t), want)
		}
	}
	if n := len(s.all[0].t); n > 2*trimAt {
		t.Errorf("%d samples are kept", n)
	}
}

func TestIterator(t *testing.T) {
	s := &series{}
	for i := range int64(10) {
		s.add(i*10, float64(i), nil)
	}
	it := s.Iterator(nil)
	for _, step := range []struct{ seek, want millis }{{-5, 0}, {0, 0}, {15, 20}, {3, 20}, {20, 20}, {90, 90}} {
		if it.Seek(step.seek) == chunkenc.ValNone || it.AtT() != step.want {
			t.Errorf("seek %d gives %d, want %d", step.seek, it.AtT(), step.want)
		}
	}
	if it.Seek(91) != chunkenc.ValNone || it.Next() != chunkenc.ValNone || it.Seek(0) != chunkenc.ValNone {
		t.Error("the iterator goes on behind its end")
	}
	it = s.Iterator(it)
	if it.Next() != chunkenc.ValFloat || it.AtT() != 0 {
		t.Error("an iterator that is used again does not begin anew")
	}
}

package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
)

const step15 = 15 * time.Second

// answer is the result of a rule as text; "engine" if the engine has to be asked.
func (w *world) answer(r *Rule, at time.Time) string {
	w.t.Helper()
	vec, ok := r.Vector(w.t.Context(), at)
	if !ok {
		return "engine"
	}
	var out []string
	for _, s := range vec {
		out = append(out, fmt.Sprint(s.Metric, " ", s.F))
	}
	slices.Sort(out)
	return fmt.Sprint(out)
}

func (w *world) expect(what string, r *Rule, at time.Time, want string) {
	w.t.Helper()
	if got := w.answer(r, at); got != want {
		w.t.Errorf("%s: %s at %v gives %s, want %s", what, r.query.Expr, at.Sub(t0), got, want)
	}
}

func TestSamplesAreVisibleWithTheirCommit(t *testing.T) {
	w := newWorld(t, nil)
	r := w.rules("m")[0]
	w.put(t0, "m 1")
	w.expect("from storage", r, t0, `[{__name__="m"} 1]`)
	at := t0.Add(step15)
	m := labels.FromStrings(labels.MetricName, "m")
	app := w.AppenderV2(t.Context())
	ref, err := app.Append(0, m, 0, at.UnixMilli(), 2, nil, nil, storage.AOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.expect("before the commit", r, at, `[{__name__="m"} 1]`)
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	w.expect("after it", r, at, `[{__name__="m"} 2]`)
	at = at.Add(step15)
	app = w.AppenderV2(t.Context())
	if _, err := app.Append(ref, m, 0, at.UnixMilli(), 3, nil, nil, storage.AOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := app.Rollback(); err != nil {
		t.Fatal(err)
	}
	w.expect("after a rollback", r, at, `[{__name__="m"} 2]`)
	w.put(at, "m 4")
	w.put(at.Add(-step15-time.Second), "m 5") // refused
	w.put(at, "m 6")                          // refused
	w.expect("after late samples", r, at, `[{__name__="m"} 4]`)
	if got := testutil.ToFloat64(w.metrics.fills); got != 1 {
		t.Errorf("the window was read %v times, want once", got)
	}
}

func TestWhatThePlanLeavesToTheEngine(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.MaxReach = time.Hour })
	w.put(t0, `m{a="1"} 1`, `m{a="2"} 2`, `n{a="1",b="1"} 1`, `n{a="1",b="2"} 1`, `o{a="1"} 1`)
	exprs := []string{
		"m @ 100", "m offset -1m", "max_over_time(m[1h:1m])", "max_over_time(m[2h])", "m offset 2h",
		"m + on (a) n", "m + on () group_left () n", "m", `label_replace(m, "a", "x", "", "")`, "sum_over_time(m[1m]",
		`count_values("x", m)`, "topk(NaN, m)", "-{__name__=~\"m|o\"}",
	}
	for _, r := range w.rules(exprs...) {
		want := "engine"
		if r.query.Expr == "m" {
			want = `[{__name__="m", a="1"} 1 {__name__="m", a="2"} 2]`
		}
		w.expect("", r, t0, want)
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.MaxSamples = 30 })
	for i := range 40 {
		w.put(t0, fmt.Sprintf(`m{i="%d"} 1`, i))
	}
	w.put(t0, "few 1")
	rs := w.rules("m", "sum(m)", "few")
	w.expect("more samples than a query may have", rs[0], t0, "engine")
	w.expect("the same, beneath one result", rs[1], t0, "engine")
	w.expect("few", rs[2], t0, `[{__name__="few"} 1]`)
	if _, err := w.stock("m", t0); !errors.As(err, new(promql.ErrTooManySamples)) {
		t.Errorf("error of the engine: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := rs[2].Vector(ctx, t0); ok {
		t.Error("an evaluation that was cancelled has an answer")
	}
}

func TestOldRulesGiveNoAnswers(t *testing.T) {
	w := newWorld(t, nil)
	w.put(t0, "m 1")
	old := w.rules("m")[0]
	w.expect("before", old, t0, `[{__name__="m"} 1]`)
	w.rules("m")
	w.expect("after other rules were loaded", old, t0, "engine")
}

func TestOffsetsOfGroups(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 8 {
		w.put(t0.Add(time.Duration(i)*time.Minute), fmt.Sprintf("m %d", i))
	}
	rs := w.Load([]Query{{Expr: "m"}, {Expr: "m", Offset: 5 * time.Minute}})
	at := t0.Add(7 * time.Minute)
	for range 2 {
		w.expect("now", rs[0], at, `[{__name__="m"} 7]`)
		w.expect("five minutes ago", rs[1], at.Add(-5*time.Minute), `[{__name__="m"} 2]`)
	}
}

func TestSharedNodesAreEvaluatedOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.put(t0, "m 1", "n 1")
	rs := w.rules("sum(m) > 0", "sum(m) < 5", "n")
	if got, want := len(w.graphs[byReference][0].nodes), 5; got != want {
		t.Errorf("%d nodes, want %d: sum(m) and m are shared", got, want)
	}
	sum := w.graphs[byReference][0].nodes["sum(m)"]
	w.expect("first", rs[0], t0, "[{} 1]")
	sum.out.values[0] = 3 // so that it shows who reads it
	w.expect("second", rs[1], t0, "[{} 3]")
	w.put(t0.Add(time.Second), "n 2")
	w.expect("after another series was written", rs[1], t0, "[{} 3]")
	w.put(t0.Add(time.Second), "m 2")
	w.expect("after its series was written", rs[1], t0, "[{} 1]")
}

func TestCheckFindsDifference(t *testing.T) {
	w := newWorld(t, nil)
	w.put(t0, "m 1")
	r := w.rules("m")[0]
	ask := func(_ context.Context, expr string, at time.Time) (promql.Vector, error) { return w.stock(expr, at) }
	if !r.Check(t.Context(), t0, ask) {
		t.Error("equal results differ")
	}
	wrong := func(context.Context, string, time.Time) (promql.Vector, error) {
		return promql.Vector{{Metric: labels.FromStrings(labels.MetricName, "m"), T: t0.UnixMilli(), F: 1.5}}, nil
	}
	if r.Check(t.Context(), t0, wrong) {
		t.Error("different results are equal")
	}
	w.expect("afterwards", r, t0, "engine")
	if got := testutil.ToFloat64(w.metrics.mismatches); got != 1 {
		t.Errorf("%v mismatches, want 1", got)
	}
	if r = w.rules("sum(m) > 0 and sum(histogram_quantile(0.9, b)) > 0")[0]; !r.Check(t.Context(), t0, wrong) {
		t.Error("the engine was believed where it does not give the same twice")
	}
	r = w.rules("m")[0]
	n := 0.0
	unsteady := func(context.Context, string, time.Time) (promql.Vector, error) {
		n++
		return promql.Vector{{Metric: labels.FromStrings(labels.MetricName, "m"), T: t0.UnixMilli(), F: n + 1}}, nil
	}
	if !r.Check(t.Context(), t0, unsteady) {
		t.Error("an engine that does not agree with itself was believed")
	}
}

// TestCheckHoldsNobodyUp: what is written between the two evaluations makes no
// difference of theirs, and need not wait.
func TestCheckHoldsNobodyUp(t *testing.T) {
	w := newWorld(t, nil)
	w.put(t0, "m 1", "n 1")
	r := w.rules("m")[0]
	at := t0
	moving := func(_ context.Context, expr string, _ time.Time) (promql.Vector, error) {
		at = at.Add(time.Second)
		w.put(at, fmt.Sprint("m ", at.Unix()))
		return w.stock(expr, at)
	}
	if !r.Check(t.Context(), t0.Add(time.Minute), moving) {
		t.Error("other samples were taken for a difference")
	}
	others := func(context.Context, string, time.Time) (promql.Vector, error) {
		at = at.Add(time.Second)
		w.put(at, fmt.Sprint("n ", at.Unix()))
		return nil, nil
	}
	if r.Check(t.Context(), at, others) {
		t.Error("a difference was taken for one of samples that the rule does not read")
	}
}

// TestTogether writes, evaluates, checks and loads at the same time; it is for the
// race detector.
func TestTogether(t *testing.T) {
	w := newWorld(t, nil)
	w.put(t0, `m{i="0"} 0`)
	var mu sync.Mutex
	rs := w.rules("sum(m)", "rate(m[1m])")
	current := func() []*Rule {
		mu.Lock()
		defer mu.Unlock()
		return rs
	}
	var running sync.WaitGroup
	for i := range 2 {
		running.Go(func() {
			for k := range 200 {
				w.put(t0.Add(time.Duration(k)*time.Second), fmt.Sprintf(`m{i="%d"} %d`, i, k))
			}
		})
		running.Go(func() {
			for k := range 200 {
				for _, r := range current() {
					r.Vector(t.Context(), t0.Add(time.Duration(k)*time.Second))
				}
			}
		})
	}
	running.Go(func() {
		for range 20 {
			next := w.rules("sum(m)", "rate(m[1m])")
			mu.Lock()
			rs = next
			mu.Unlock()
		}
	})
	running.Go(func() {
		ask := func(_ context.Context, expr string, at time.Time) (promql.Vector, error) { return w.stock(expr, at) }
		for k := range 50 {
			if !current()[0].Check(t.Context(), t0.Add(time.Duration(k)*time.Second), ask) {
				t.Error("a check found a difference")
			}
		}
	})
	running.Wait()
	for _, r := range w.rules("sum(m)", "rate(m[1m])") {
		if !w.compare(r, t0.Add(3*time.Minute)) {
			t.Errorf("%s has no answer", r.query.Expr)
		}
	}
}

// TestUnusedGraphsAreDropped: only what is in blocks needs the order of labels.
func TestUnusedGraphsAreDropped(t *testing.T) {
	w := newWorld(t, nil)
	at := t0
	r := w.rules("sum(m)")[0]
	run := func(d time.Duration) {
		for end := at.Add(d); at.Before(end); at = at.Add(step15) {
			w.put(at, `m{i="1"} 1`, `m{i="2"} 2`)
			w.expect("", r, at, "[{} 3]")
		}
	}
	run(10 * time.Minute)
	w.compact()
	w.reopen()
	run(2 * time.Minute)
	if n := len(w.graphs[byLabels]); n != 1 {
		t.Errorf("%d graphs in the order of labels after a restart, want 1", n)
	}
	run(40 * time.Minute)
	if n := len(w.graphs[byLabels]); n != 0 {
		t.Errorf("%d graphs in the order of labels long after, want none", n)
	}
}

type faulty struct{}

func (faulty) eval(*turn, *column) bool { panic("fault") }

// TestFaultsAreSurvived: what is wrong in the plan does not end alerting.
func TestFaultsAreSurvived(t *testing.T) {
	w := newWorld(t, nil)
	w.put(t0, "m 1", "n 1")
	rs := w.rules("m", "n")
	w.expect("before", rs[0], t0, `[{__name__="m"} 1]`)
	rs[0].roots[byReference].node.op = faulty{}
	w.expect("the rule with the fault", rs[0], t0.Add(time.Second), "engine")
	w.expect("another", rs[1], t0.Add(time.Second), `[{__name__="n"} 1]`)
	w.mu.Lock()
	w.window.families = nil // so that the next series that is new has no place
	w.mu.Unlock()
	w.put(t0.Add(2*time.Second), `n{a="1"} 1`)
	w.expect("after a fault at a commit", rs[1], t0.Add(2*time.Second), "engine")
	w.rules("n")
	if got := testutil.ToFloat64(w.metrics.mismatches); got < 2 {
		t.Errorf("%v faults were counted, want 2", got)
	}
}

func TestExemplarsPass(t *testing.T) {
	w := newWorld(t, nil)
	w.put(t0, "m 1")
	app := w.AppenderV2(t.Context())
	defer func() {
		if err := app.Rollback(); err != nil {
			t.Error(err)
		}
	}()
	ea, ok := app.(storage.ExemplarAppenderV2)
	if !ok {
		t.Fatal("the appender takes no exemplars")
	}
	ls := labels.FromStrings(labels.MetricName, "m")
	if _, err := ea.AppendExemplars(0, ls, []exemplar.Exemplar{{Labels: labels.FromStrings("trace_id", "1"), Value: 1, Ts: t0.UnixMilli()}}); err != nil {
		t.Error(err)
	}
}

// TestOldRulesHoldNoSamples: who still has one does not keep the window of before.
func TestOldRulesHoldNoSamples(t *testing.T) {
	w := newWorld(t, nil)
	w.put(t0, "m 1")
	old := w.rules("m")[0]
	w.expect("before", old, t0, `[{__name__="m"} 1]`)
	w.rules("m")
	for o, root := range old.roots {
		if root != nil {
			t.Errorf("the root of order %d is still there", o)
		}
	}
}

// TestWhatCannotBeCompiledIsNotRead: its selectors would fill the window for nothing.
func TestWhatCannotBeCompiledIsNotRead(t *testing.T) {
	w := newWorld(t, nil)
	w.put(t0, "m 1", "n 1", "o 1")
	rs := w.rules("m + on () (n @ 100)", "o", "o + max_over_time(n[1h:1m])")
	w.expect("", rs[1], t0, `[{__name__="o"} 1]`)
	if w.window.count != 1 || len(w.window.selectors) != 1 {
		t.Errorf("%d series of %d selectors are in the window, want one of one", w.window.count, len(w.window.selectors))
	}
}

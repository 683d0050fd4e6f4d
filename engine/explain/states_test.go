package explain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/engine"
)

// TestStates follows a rule through all that may become of it.
func TestStates(t *testing.T) {
	b := newBench(t, `
  - alert: A
    expr: x > 5
    for: 1m
    keep_firing_for: 45s
  - record: r
    expr: x * 2
  - record: nothing
    expr: y
`)
	check := func(what, want string, details ...string) *api.Explanation {
		t.Helper()
		x := b.explain(0)
		if x.Answer != want || strings.Join(x.Details, "|") != strings.Join(details, "|") {
			t.Errorf("%s:\n got: %s %q\nwant: %s %q", what, x.Answer, x.Details, want, details)
		}
		return x
	}
	b.step(true, "x 9")
	check("begins", `Pending: 0 s of 1 min, fires 03:01:15 UTC (in 1 min): 1 series is above 5: x is 9.`)
	for range 3 {
		b.step(true, "x 9")
	}
	check("goes on", `Pending: 45 s of 1 min, fires 03:01:15 UTC (in 15 s): 1 series is above 5: x is 9.`)
	if x := b.explain(1); x.Answer != "Records 1 series." || x.State != "recording" {
		t.Errorf("r: %s %s", x.State, x.Answer)
	}
	if x := b.explain(2); x.Answer != "Records nothing: y matches no series: there is no metric y, and was none in the last day." {
		t.Errorf("nothing: %s", x.Answer)
	}
	b.step(true, "x 9")
	check("fires", `Fires since 03:01:15 UTC: 1 series is above 5: x is 9.`)
	b.step(false, "x stale")
	x := check("the scrape fails", `Fires since 03:01:15 UTC (15 s ago), held since 03:01:30 UTC: the target could not be scraped at 03:01:30 UTC.`)
	b.opts.Target, b.opts.TargetError = "docker", "connection refused"
	check("the scrape fails", `Fires since 03:01:15 UTC (15 s ago), held since 03:01:30 UTC: the target docker could not be scraped at 03:01:30 UTC: connection refused.`)
	if len(x.Holds) != 1 || x.Holds[0].Kind != holdScrape || !x.Holds[0].Since.Equal(b.at) {
		t.Errorf("holds: %+v", x.Holds)
	}
	b.step(true, "x 9")
	check("is back", `Fires since 03:01:15 UTC (30 s ago): 1 series is above 5: x is 9.`)
	b.step(true, "x 1")
	check("is over", `Fires since 03:01:15 UTC (45 s ago), but the expression has not returned it since 03:02:00 UTC: keep_firing_for holds it until 03:02:45 UTC (in 45 s).`)
	for range 4 {
		b.step(true, "x 1")
	}
	x = check("has ended", `Does not fire: the value is 1, not above 5.`, `The last alert ended 03:02:45 UTC (15 s ago).`)
	if len(x.Evaluations) == 0 || x.Evaluations[0].By != "promql" || !x.Evaluations[0].At.Equal(b.at) || x.Evaluations[len(x.Evaluations)-1].Series != 1 {
		t.Errorf("evaluations: %+v", x.Evaluations)
	}
}

func TestHolds(t *testing.T) {
	const fires = `Fires since 03:00:15 UTC (15 s ago): 1 series is above 5: x is 9.`
	for name, c := range map[string]struct {
		rules, kind, want string
		last              []string // what is stored after x 9
		setUp             func(b *bench)
	}{
		"error": {
			rules: "  - {alert: A, expr: 'x * on() group_left x > 5'}\n", kind: holdError, last: []string{"x 9", `x{a="1"} 9`},
			want: `matching labels must be unique on one side. Its 1 alert stays as before for 1 h at most.`,
		},
		"limit": {
			rules: "  - {alert: A, expr: x > 5}\n  limit: 1\n", kind: holdLimit, last: []string{"x 9", `x{a="1"} 9`},
			want: `Fires since 03:00:15 UTC (15 s ago): 2 series are above 5: x is 9, x{a="1"} is 9.`,
		},
		"pause": {
			rules: "  - {alert: A, expr: x > 5}\n", kind: holdPause, last: []string{"x 9"}, want: fires,
			setUp: func(b *bench) { b.opts.PausedSince = b.at },
		},
		"storage": {
			rules: "  - {alert: A, expr: x > 5}\n", kind: holdStorage, last: []string{"x 9"}, want: fires,
			setUp: func(b *bench) { b.opts.StorageTrouble = "no space left on device" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.rules)
			b.step(true, "x 9")
			b.step(true, c.last...)
			if c.setUp != nil {
				c.setUp(b)
			}
			x := b.explain(0)
			if len(x.Holds) != 1 || x.Holds[0].Kind != c.kind {
				t.Errorf("holds: %+v, want %s", x.Holds, c.kind)
			}
			if !strings.HasSuffix(x.Answer, c.want) { // an error of promql's has its series in any order
				t.Errorf("got:  %s\nwant: %s", x.Answer, c.want)
			}
		})
	}
}

// TestTargetHolds: which target an alert is held for, and since when.
func TestTargetHolds(t *testing.T) {
	b := newBench(t, "  - {alert: A, expr: 'sum(x) > 5'}\n")
	hear := func(instance string, up, waits bool) {
		b.eng.Hear(engine.Source{
			Target: instance, Job: "node", Labels: labels.FromStrings("job", "node", "instance", instance),
			At: b.at.Add(every), Interval: every, Up: up, Waiting: waits,
		})
	}
	hear("10.0.0.5:9100", true, false)
	b.step(true, "x 9")
	hear("10.0.0.5:9100", false, false)
	b.step(true, "x stale")
	x := b.explain(0)
	want := "Fires since 03:00:15 UTC (15 s ago), held since 03:00:30 UTC: node (10.0.0.5:9100) did not answer since 03:00:30 UTC."
	if x.Answer != want || len(x.Holds) != 1 || x.Holds[0].Kind != holdScrape {
		t.Errorf("got  %s %+v\nwant %s", x.Answer, x.Holds, want)
	}
	hear("10.0.0.5:9100", true, false)
	b.step(true)
	hear("10.0.0.5:9100", false, true)
	for i := range 5 {
		hear(fmt.Sprint("10.0.0.", i), false, false)
	}
	b.step(true)
	x = b.explain(0)
	var texts []string
	for _, h := range x.Holds {
		texts = append(texts, h.Text)
	}
	const since = " did not answer since 03:01:00 UTC"
	if got, want := strings.Join(texts, "|"), "node (10.0.0.0)"+since+"|node (10.0.0.1)"+since+"|node (10.0.0.2)"+since+"|so it is with 3 other targets"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestBlind: what a Docker engine tells that starts is not asked for.
func TestBlind(t *testing.T) {
	b := newBench(t, "  - {alert: A, expr: x > 5}\n")
	b.step(true, "x 9")
	b.step(true, "x 1")
	b.at = b.at.Add(every)
	b.eng.Step(t.Context(), engine.Tick{At: b.at, Up: true, Restoring: true})
	x := b.explain(0)
	if want := "Does not fire: the Docker engine is starting, its counts mean nothing yet."; x.Answer != want || len(x.Holds) != 1 || x.EvaluatedBy != "" {
		t.Errorf("got: %s %+v by %q", x.Answer, x.Holds, x.EvaluatedBy)
	}
	if by := x.Evaluations[0].By + x.Evaluations[1].By; by != "promql" {
		t.Errorf("evaluations: %+v", x.Evaluations)
	}
}

func TestUnevaluated(t *testing.T) {
	b := newBench(t, "  - {alert: A, expr: x > 5}\n")
	x := b.explain(0)
	if x.Answer != "Not evaluated yet: nothing has been scraped since the start." || x.State != "unknown" || x.EvaluatedBy != "" {
		t.Errorf("%s %s %s", x.State, x.EvaluatedBy, x.Answer)
	}
}

// TestTree: each part stands where it was written, with what it gives.
func TestTree(t *testing.T) {
	b := newBench(t, "  - alert: A\n    expr: sum by (state) (containers) / (3 + 4) >= 1 and on() absent(nope)\n")
	b.step(true, containers...)
	x := b.explain(0)
	var got []string
	var walk func(n *api.Node, depth int)
	walk = func(n *api.Node, depth int) {
		value := ""
		if n.Value != nil {
			value = " = " + n.Value.String()
		}
		if n.Type == "vector" {
			value = " : " + api.CountText(n.Total, "series")
		}
		if x.Expr[n.Start:n.End] != n.Text {
			t.Errorf("%q stands at %d to %d, where there is %q", n.Text, n.Start, n.End, x.Expr[n.Start:n.End])
		}
		got = append(got, strings.Repeat("  ", depth)+strings.TrimSpace(n.Kind+" "+n.Operator)+" "+n.Text+value)
		for i := range n.Nodes {
			walk(&n.Nodes[i], depth+1)
		}
	}
	walk(x.Expression, 0)
	want := `set operation and sum by (state) (containers) / (3 + 4) >= 1 and on() absent(nope) : 1 series
  comparison >= sum by (state) (containers) / (3 + 4) >= 1 : 1 series
    arithmetic / sum by (state) (containers) / (3 + 4) : 3 series
      aggregation sum sum by (state) (containers) : 3 series
        selector containers : 3 series
      arithmetic + 3 + 4 = 7
        number 3 = 3
        number 4 = 4
    number 1 = 1
  function absent absent(nope) : 1 series
    selector nope : 0 series`
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if len(x.Selectors) != 2 || x.Selectors[0].Matched != 3 || x.Selectors[1].Matched != 0 {
		t.Errorf("selectors: %+v", x.Selectors)
	}
	if c := x.Comparisons; len(c) != 1 || c[0].True != 1 || c[0].Total != 3 || c[0].Series[1].Labels["state"] != "running" || c[0].Series[1].Difference >= 0 {
		t.Errorf("comparisons: %+v", c)
	}
}

func TestWindow(t *testing.T) {
	b := newBench(t, "  - {alert: A, expr: 'rate(x[90s] offset 15s) > 1'}\n")
	for range 4 {
		b.step(true, `x{a="1"} 1`, `x{a="2"} 1`)
	}
	for range 4 { // a gap
		b.step(false)
	}
	b.step(true, `x{a="1"} 1`)
	b.step(true, `x{a="1"} 1`)
	w := b.explain(0).Selectors[0].Window
	if w == nil || w.Range != 90 || w.Expected != 6 || w.Samples != 3 || w.Fewest != 1 || w.Most != 2 ||
		w.Note != "scrapes cover no more than its last 0 s without a gap" {
		t.Errorf("window: %+v", w)
	}
}

// TestLimits: an expression that asks for too much is not asked for it twice.
func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		expr string
		set  func(b *bench)
		slow time.Duration
		want string
	}{
		"a slow rule": {expr: "x > 5", slow: 2 * time.Second, want: "the rule alone takes 2 s"},
		"time": {expr: "x > 5", want: "take longer than 1 ms", set: func(b *bench) {
			b.opts.Timeout = time.Millisecond
			b.opts.Query = func(ctx context.Context, _ engine.Query) (engine.Result, error) {
				<-ctx.Done()
				return engine.Result{}, ctx.Err()
			}
		}},
		"parts": {expr: "x" + strings.Repeat(" + x", maxNodes), want: "more than 100 parts"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "  - {alert: A, expr: "+c.expr+"}\n")
			b.step(true, "x 9")
			if c.set != nil {
				c.set(b)
			}
			asked := 0
			query := b.opts.Query
			b.opts.Query = func(ctx context.Context, q engine.Query) (engine.Result, error) {
				asked++
				return query(ctx, q)
			}
			g := &b.eng.Snapshot().Groups[0]
			r := g.Rules[0]
			if c.slow > 0 {
				r.EvaluationTime = c.slow
			}
			in, _ := b.eng.Insight(r.Rule)
			x := Explain(t.Context(), g, &r, in, b.opts)
			if !strings.Contains(x.Skipped, c.want) {
				t.Errorf("skipped: %q, want %q", x.Skipped, c.want)
			}
			if asked > maxNodes || c.slow > 0 && asked > 0 {
				t.Errorf("%d queries", asked)
			}
			if !strings.HasPrefix(x.Answer, "Fires since ") {
				t.Errorf("answer: %s", x.Answer)
			}
		})
	}
}

// TestAskedOnce: parts that are equal are evaluated once.
func TestAskedOnce(t *testing.T) {
	b := newBench(t, "  - {alert: A, expr: 'x > 5 and x < 20 or x > 30'}\n")
	b.step(true, "x 9")
	asked := map[string]int{}
	query := b.opts.Query
	b.opts.Query = func(ctx context.Context, q engine.Query) (engine.Result, error) {
		asked[q.Expr]++
		return query(ctx, q)
	}
	b.explain(0)
	for expr, n := range asked {
		if n != 1 {
			t.Errorf("%s is evaluated %d times", expr, n)
		}
	}
	if asked["x"] != 1 {
		t.Errorf("x is not evaluated: %v", asked)
	}
}

// TestFailingPart: an error of one part is told at that part.
func TestFailingPart(t *testing.T) {
	b := newBench(t, "  - {alert: A, expr: 'sum(x) > 5'}\n")
	b.step(true, "x 9")
	query := b.opts.Query
	b.opts.Query = func(ctx context.Context, q engine.Query) (engine.Result, error) {
		if q.Expr == "x" {
			return engine.Result{}, errors.New("it broke")
		}
		return query(ctx, q)
	}
	x := b.explain(0)
	if got := x.Expression.Nodes[0].Nodes[0].Error; got != "it broke" {
		t.Errorf("error of x: %q", got)
	}
	if x.Selectors[0].Matched != -1 {
		t.Errorf("a selector that failed has matched %d", x.Selectors[0].Matched)
	}
}

// What is forgotten may have failed too.
func TestFailsSince(t *testing.T) {
	at := func(i int) time.Time { return time.Unix(int64(i), 0) }
	for _, x := range []struct {
		good, bad int
		since     int
		atLeast   bool
	}{
		{0, 1, 0, false},
		{3, 2, 3, false},
		{0, engine.KeptEvaluations - 1, 0, false},
		{1, engine.KeptEvaluations - 1, 1, false},
		{0, engine.KeptEvaluations, 0, true},
	} {
		in := &engine.Insight{}
		for i := range x.good + x.bad {
			e := engine.Evaluation{At: at(i)}
			if i >= x.good {
				e.Error = "failed"
			}
			in.Evaluations = append(in.Evaluations, e)
		}
		since, atLeast := failsSince(&engine.RuleStatus{LastEvaluation: at(x.good + x.bad - 1)}, in)
		if !since.Equal(at(x.since)) || atLeast != x.atLeast {
			t.Errorf("%d good, %d bad: since %d, at least %t, want %d, %t", x.good, x.bad, since.Unix(), atLeast, x.since, x.atLeast)
		}
	}
}

package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/tocsin/tocsin/engine/plan"
)

// newPlan is a plan over the TSDB of a test.
func newPlan(tb testing.TB, db *teststorage.TestStorage) *plan.Plan {
	tb.Helper()
	return plan.New(planOptions(tb, db))
}

func planOptions(tb testing.TB, db *teststorage.TestStorage) plan.Options {
	tb.Helper()
	return plan.Options{Queryable: db, Appendable: db, MaxSamples: MaxSamples, Extent: func(mint, maxt int64) (uint64, int64, bool) {
		oldest, err := db.StartTime()
		if err != nil {
			tb.Fatal(err)
		}
		blocks := false
		for _, b := range db.Blocks() {
			blocks = blocks || b.OverlapsClosedInterval(mint, maxt)
		}
		return 0, oldest, blocks
	}}
}

// TestPlanIsChecked: now and then an evaluation is repeated on the query engine.
func TestPlanIsChecked(t *testing.T) {
	reg := prometheus.NewRegistry()
	b := newBench(t, func(o *Options) {
		opts := planOptions(t, o.Queryable.(*teststorage.TestStorage))
		opts.Registerer = reg
		o.Plan = plan.New(opts)
		o.Appendable = o.Plan
	})
	b.load("groups: [{name: g, rules: [{alert: A, expr: m > 1}, {record: r, expr: sum(m)}, {alert: B, expr: r > 1}, {alert: C, expr: 'ALERTS{alertname=\"A\"}'}]}]")
	at := t0
	for range checkEvery / 4 * 3 {
		b.put(at, `m{a="x"} 1`, `m{a="y"} 2`)
		b.tick(at, true)
		at = at.Add(step15)
	}
	want := `
# HELP tocsin_plan_checks_total Results of the plan that were compared with those of the query engine.
# TYPE tocsin_plan_checks_total counter
tocsin_plan_checks_total 3
# HELP tocsin_plan_evaluations_total Evaluations of expressions of rules, by what answered: the plan, or the query engine where the plan could not.
# TYPE tocsin_plan_evaluations_total counter
tocsin_plan_evaluations_total{by="engine"} 0
tocsin_plan_evaluations_total{by="plan"} 6000
# HELP tocsin_plan_mismatches_total Results of the plan that differed from those of the query engine. Each switched its rule to the engine.
# TYPE tocsin_plan_mismatches_total counter
tocsin_plan_mismatches_total 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "tocsin_plan_checks_total", "tocsin_plan_evaluations_total", "tocsin_plan_mismatches_total"); err != nil {
		t.Error(err)
	}
}

// TestChecksRest: however many groups there are, comparisons take no more than their
// part of the time, and one that the clock has jumped over holds up no other.
func TestChecksRest(t *testing.T) {
	var c checks
	if !c.begin(t0) || c.begin(t0) {
		t.Fatal("there is not one at a time")
	}
	c.end(time.Second)
	if c.begin(t0.Add((checkRest - 1) * time.Second)) {
		t.Error("there is another too early")
	}
	if c.begin(t0.Add(-time.Second)) {
		t.Error("there is another too early for a group that is late")
	}
	if !c.begin(t0.Add(checkRest * time.Second)) {
		t.Error("there is no other after the rest")
	}
	c.end(time.Second)
	if !c.begin(t0) {
		t.Error("there is no other after the clock went back")
	}
}

package engine

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/tocsin/tocsin/engine/plan"
	"github.com/tocsin/tocsin/rules"
)

const (
	stormSize  = 10_000
	stormRules = `groups: [{name: g, rules: [{alert: Storm, expr: storm > 0, labels: {severity: page},
		annotations: {summary: 'number {{ $labels.id }} is at {{ $value }}', more: '{{ $value | humanize }}'}}]}]`
)

// gusts are the series whose alerts all fire at once, again and again.
type gusts struct {
	series []labels.Labels
	refs   []storage.SeriesRef
}

func newGusts() *gusts {
	g := &gusts{refs: make([]storage.SeriesRef, stormSize)}
	for i := range stormSize {
		g.series = append(g.series, labels.FromStrings(labels.MetricName, "storm", "id", fmt.Sprint(i), "job", "node", "instance", "host:9100"))
	}
	return g
}

func (g *gusts) blow(tb testing.TB, to storage.AppendableV2, at time.Time, v float64) {
	tb.Helper()
	app := to.AppenderV2(tb.Context())
	for i, ls := range g.series {
		ref, err := app.Append(g.refs[i], ls, 0, at.UnixMilli(), v, nil, nil, storage.AOptions{})
		if err != nil {
			tb.Fatal(err)
		}
		g.refs[i] = ref
	}
	if err := app.Commit(); err != nil {
		tb.Fatal(err)
	}
}

// stormCost is what the evaluation takes in which all alerts begin to fire.
type stormCost struct {
	cpu   time.Duration
	bytes uint64
}

func costOfStorm(b *testing.B, to storage.AppendableV2, n int, tick func(at time.Time)) (cost stormCost) {
	b.Helper()
	g, at := newGusts(), t0
	var before, after runtime.MemStats
	for i := range n + 1 {
		g.blow(b, to, at, 0)
		tick(at)
		at = at.Add(step15)
		g.blow(b, to, at, 1)
		runtime.ReadMemStats(&before)
		start := cpuTime()
		tick(at)
		took := cpuTime() - start
		runtime.ReadMemStats(&after)
		if i > 0 { // the first one makes the series
			cost.cpu += took
			cost.bytes += after.TotalAlloc - before.TotalAlloc
		}
		at = at.Add(step15)
	}
	return stormCost{cost.cpu / time.Duration(n), cost.bytes / uint64(n)}
}

// BenchmarkStorm measures the evaluation in which 10,000 alerts of one rule begin to
// fire: CPU time and what it allocates, and how many times as much of both Prometheus's
// own rule groups take in the same run.
func BenchmarkStorm(b *testing.B) {
	ref := newReference(b, stormRules)
	n := b.N + 4
	theirs := costOfStorm(b, ref.db, n, ref.tick)

	db := teststorage.New(b)
	compiled := plan.New(planOptions(b, db))
	e := New(Options{Queryable: db, Appendable: compiled, Plan: compiled, Interval: step15})
	e.Load(rules.Parse("rules.yml", []byte(stormRules)).Groups, true)
	ours := costOfStorm(b, compiled, n, func(at time.Time) { e.Step(b.Context(), Tick{At: at, Up: true}) })

	b.ReportMetric(ours.cpu.Seconds()*1000, "cpu-ms/storm")
	b.ReportMetric(theirs.cpu.Seconds()*1000, "reference-cpu-ms/storm")
	b.ReportMetric(theirs.cpu.Seconds()/ours.cpu.Seconds(), "ratio")
	b.ReportMetric(float64(ours.bytes)/(1<<20), "MB/storm")
	b.ReportMetric(float64(theirs.bytes)/(1<<20), "reference-MB/storm")
}

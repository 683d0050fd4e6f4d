package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	past "github.com/tocsin/tocsin/engine/history"
)

// TestHistoryOverARestart: what the engine writes is read back as it was. What goes
// on over a stop is one incident, whatever the stop has done to its time.
func TestHistoryOverARestart(t *testing.T) {
	const content = `groups: [{name: g, rules: [
		{alert: On, expr: x > 0}, {alert: Late, expr: x > 0, for: 5m}, {alert: Ends, expr: y > 0}, {alert: Again, expr: z > 0}]}]`
	b := newBench(t, nil)
	b.load(content)
	run := func(b *workbench, from, to int, samples ...string) { // in minutes since t0
		t.Helper()
		for at := t0.Add(time.Duration(from) * time.Minute); at.Before(t0.Add(time.Duration(to) * time.Minute)); at = at.Add(step15) {
			b.put(at, append(samples, "up 1")...)
			b.tick(at, true)
		}
	}
	run(b, 0, 3, "x 1", "y 1", "z 1")
	var records []alert.Record
	for k, a := range b.journal {
		records = append(records, alert.Record{Rule: k.Rule, Alert: a})
	}
	next := newBench(t, func(o *Options) { o.Queryable, o.Plan = b.db, newPlan(t, b.db); o.Appendable = o.Plan })
	next.Restore(records, t0.Add(3*time.Minute-step15), t0.Add(20*time.Minute))
	next.load(content)
	run(next, 20, 25, "x 1", "y 0", "z 1")
	run(next, 25, 26, "x 1", "y 0", "z 0")
	run(next, 26, 30, "x 1", "y 0", "z 1")

	h, err := past.Read(t.Context(), past.Options{Source: b.db, From: t0, To: t0.Add(30 * time.Minute), Interval: step15, MaxAlerts: 10})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range h.Alerts {
		for _, x := range a.Incidents {
			fired := "pending"
			if !x.Fired.IsZero() {
				fired = x.Fired.Sub(t0).String()
			}
			got = append(got, fmt.Sprintf("%s %v %s %v open=%v", a.Labels.Get(labels.AlertName), x.Start.Sub(t0), fired, x.End.Sub(t0), x.Open))
		}
	}
	for _, g := range h.Gaps {
		got = append(got, fmt.Sprintf("gap %v %v", g.From.Sub(t0), g.To.Sub(t0)))
	}
	expect(t, "history", got,
		"Again 0s 0s 25m0s open=false", "Again 26m0s 26m0s 29m45s open=true",
		"Ends 0s 0s 20m0s open=false",
		"Late 0s 22m0s 29m45s open=true",
		"On 0s 0s 29m45s open=true",
		"gap 2m45s 20m0s")
}

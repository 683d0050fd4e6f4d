package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/rules"
)

// TestRecover: without a journal, the states of alerts are those that their series
// tell.
func TestRecover(t *testing.T) {
	const content = `
groups:
  - name: g
    rules:
      - {alert: A, expr: x > 0, labels: {severity: page, empty: "{{ if false }}x{{ end }}"}}
      - {alert: A, expr: x > 1, for: 30s, labels: {severity: info}}
      - {alert: P, expr: x > 0, for: 1h, labels: {k: "{{ $value }}"}}
      - {alert: Ended, expr: x > 2}
`
	b := newBench(t, nil)
	b.load(content)
	at := t0
	for i, v := range []string{"x 3", "x 2", "x 2", "x 2"} {
		at = t0.Add(time.Duration(i) * step15)
		b.put(at, v)
		b.tick(at, true)
	}
	want := map[string]alert.Alert{}
	for k, a := range b.journal {
		if a.State != alert.Inactive {
			want[k.Rule.Name+k.Rule.Labels] = alert.Alert{State: a.State, Labels: a.Labels, ActiveAt: a.ActiveAt, FiredAt: a.FiredAt}
		}
	}
	if len(want) != 3 {
		t.Fatalf("%d alerts are there, want 3", len(want))
	}

	opts := b.opts
	opts.Registerer = nil
	next := New(opts)
	f := rules.Parse("rules.yml", []byte(content))
	next.Load(f.Groups, true)
	records, err := next.Recover(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]alert.Alert{}
	for _, r := range records {
		got[r.Rule.Name+r.Rule.Labels] = r.Alert
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(labels.Equal), cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("recovered alerts (-want +got):\n%s", diff)
	}
}

// TestRestoredSeriesEnd: the series of an alert that ends with the first evaluation of
// a process are marked stale, as their labels are known.
func TestRestoredSeriesEnd(t *testing.T) {
	const content = `groups: [{name: g, rules: [{alert: A, expr: x > 0}, {alert: B, expr: x > 0, labels: {empty: "{{ if false }}x{{ end }}"}}]}]`
	b := newBench(t, nil)
	b.load(content)
	b.put(t0, "x 1")
	b.tick(t0, true)
	var records []alert.Record
	for k, a := range b.journal {
		records = append(records, alert.Record{Rule: k.Rule, Alert: a})
	}
	next := newBench(t, func(o *Options) { o.Queryable, o.Appendable = b.db, b.db })
	next.Restore(records, t0, t0.Add(step15))
	next.load(content)
	at := t0.Add(2 * step15)
	b.put(at, "x 0")
	next.tick(at, true)
	expect(t, "ALERTS once it has ended", next.series("ALERTS", at))
}

// TestRecoverLeavesWhatHasEnded: series without a marker that ended long before the
// newest sample are those of no alert.
func TestRecoverLeavesWhatHasEnded(t *testing.T) {
	b := newBench(t, nil)
	write := func(at time.Time, name string) {
		b.put(at, `ALERTS{alertname="`+name+`",alertstate="firing"} 1`, fmt.Sprintf(`ALERTS_FOR_STATE{alertname=%q} %d`, name, t0.Unix()))
	}
	newest := t0.Add(30 * time.Minute)
	write(t0, "Ended")
	write(t0, "Rare")
	write(newest, "A")
	f := rules.Parse("rules.yml", []byte(`groups:
  - {name: g, rules: [{alert: A, expr: x > 0}, {alert: Ended, expr: x > 0}]}
  - {name: slow, interval: 30m, rules: [{alert: Rare, expr: x > 0}]}
`))
	b.Load(f.Groups, true)
	records, err := b.Recover(t.Context(), newest.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		got = append(got, r.Rule.Name)
	}
	slices.Sort(got)
	expect(t, "recovered", got, "A", "Rare")
}

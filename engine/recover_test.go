package engine

import (
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

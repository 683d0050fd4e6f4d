package engine

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestQueryBombs: a rule that asks for too much ends in an error that says so, and
// the rules beside it are evaluated.
func TestQueryBombs(t *testing.T) {
	b := newBench(t, nil)
	b.load(`
groups:
  - name: bombs
    rules:
      - {alert: Subquery, expr: "count_over_time(vector(1)[1000h:10ms]) > 0"}
      - {alert: Nested, expr: "sum_over_time(max_over_time(x[100h:1s])[100h:1s]) > 0"}
      - {alert: Template, expr: x > 0, labels: {n: '{{ range query "count_over_time(vector(1)[1000h:10ms])" }}{{ . }}{{ end }}'}}
      - {alert: Fine, expr: x > 0}
`)
	var samples []string
	for i := range 100 {
		samples = append(samples, fmt.Sprintf("x{i=\"%d\"} 1", i))
	}
	b.put(t0, samples...)
	b.tick(t0, true)
	for i, want := range []string{"at 360000000 moments", "at 720000 moments|at 360000 moments", "^$", "^$"} {
		if r := b.rule(i); !regexp.MustCompile(want).MatchString(r.LastError) {
			t.Errorf("%s: error %q, want one with %q", r.Rule.Alert, r.LastError, want)
		}
	}
	if got := b.rule(3).Alerts; len(got) != 100 {
		t.Errorf("Fine has %d alerts, want 100", len(got))
	}
	if got := b.rule(2).Alerts[0].Labels.Get("n"); !strings.Contains(got, "moments") {
		t.Errorf("label of the template bomb: %q, want the error of its query", got)
	}
}

// TestRuleThatTakesTooLong ends in an error, and its alerts stay.
func TestRuleThatTakesTooLong(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0}, {record: r, expr: x}]}]`)
	b.put(t0, `x 1`)
	expect(t, "sent", b.tick(t0, true), `firing {alertname="A"}`)
	b.opts.RuleTimeout = 1 // a nanosecond: over before the evaluation begins
	at := t0.Add(step15)
	b.put(at, `x 0`)
	expect(t, "sent by a rule that takes too long", b.tick(at, true))
	for i := range 2 {
		if r := b.rule(i); !strings.Contains(r.LastError, "takes longer than 1ns") {
			t.Errorf("rule %d: error %q, want one about the time", i, r.LastError)
		}
	}
	if got := b.states()["A"]; got != "firing" {
		t.Errorf("A is %q, want firing", got)
	}
}

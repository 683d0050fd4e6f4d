package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// TestTargetsThatChangeInAPause: what is a target only since a configuration that came
// in a pause may have been there before, by other labels: it is awaited.
func TestTargetsThatChangeInAPause(t *testing.T) {
	b := newBench(t, nil)
	b.load(nodeRules)
	b.Begin()
	b.hears(node("a", t0, true), load("a", 9)...)
	b.tick(t0, true)
	b.running.Store(false) // the pause
	at := t0.Add(20 * time.Minute)
	b.Hear(waiting(node("a", at, false)))
	b.Hear(Source{Target: "node/a", Job: "node", Gone: true, At: at})
	renamed := waiting(node("a", at, false))
	renamed.Target, renamed.Labels = "node/a2", labels.FromStrings("job", "node", "instance", "a", "rack", "1")
	b.Hear(renamed)
	b.Begin()
	if got := b.tick(at, true); len(resolvedOnly(got)) > 0 || b.states()["Total"] != "firing" {
		t.Errorf("sent %v, states %v before the target was scraped", got, b.states())
	}
	renamed.Waiting, renamed.Up, renamed.At = false, true, at.Add(time.Second)
	b.hears(renamed, `load{job="node",instance="a",rack="1"} 1`)
	expect(t, "sent when it was", resolvedOnly(b.tick(at.Add(step15), true)), `resolved {alertname="Load", instance="a", job="node"}`, `resolved {alertname="Total", job="node"}`)
}

// TestNewTargetHasNoPast: one that is discovered long after the start is new, also
// where the process before had scraped one like it.
func TestNewTargetHasNoPast(t *testing.T) {
	const rules = `groups: [{name: g, rules: [{alert: W, expr: 'sum by (job) (max_over_time(load[30m])) > 10'}]}]`
	b := newBench(t, nil)
	b.load(rules)
	at := t0
	for range 3 {
		b.hears(node("a", at, true), load("a", 4)...)
		b.hears(node("b", at, true), load("b", 4)...)
		b.tick(at, true)
		at = at.Add(step15)
	}
	n := newBench(t, func(o *Options) { o.Queryable, o.Appendable, o.Plan = b.db, b.db, nil })
	n.feed = b.db
	n.Hear(waiting(node("a", at, false)))
	n.Restore(b.recs(), at.Add(-step15), at)
	n.load(rules)
	for i := range 400 {
		v := 4
		if i >= 260 && i < 262 {
			v = 20
		}
		n.hears(node("a", at, true), load("a", v)...)
		n.tick(at, true)
		at = at.Add(step15)
	}
	if n.states()["W"] != "" {
		t.Fatalf("states %v", n.states())
	}
	for i := range 140 {
		v := 4
		if i == 0 {
			v = 20
		}
		if i == 118 {
			n.Hear(waiting(node("b", at, false)))
		}
		n.hears(node("a", at, true), load("a", v)...)
		if i >= 119 {
			n.hears(node("b", at, true), load("b", 1)...)
		}
		n.tick(at, true)
		if got := n.states()["W"]; (got == "firing") != (i < 120) {
			t.Fatalf("evaluation %d: W is %q: a target that came anew holds what began before", i, got)
		}
		at = at.Add(step15)
	}
}

// TestOwnMetricsAfterAPause: what Tocsin says of itself comes with the ticks. Where these
// were missing, a window that began before is no evidence.
func TestOwnMetricsAfterAPause(t *testing.T) {
	b := newBench(t, nil)
	b.Describe(labels.FromStrings("job", "docker"), func(name string) bool { return name == "containers" })
	b.load(`groups: [{name: g, rules: [{alert: Fails, expr: 'max_over_time(fails{job="tocsin"}[10m]) > 0'}]}]`)
	at := t0
	for range 50 {
		b.put(at, `fails{job="tocsin"} 1`)
		b.tick(at, true)
		at = at.Add(step15)
	}
	at = at.Add(15 * time.Minute)
	for range 3 {
		b.put(at, `fails{job="tocsin"} 0`)
		expect(t, "sent while the window fills", resolvedOnly(b.tick(at, true)))
		at = at.Add(step15)
	}
	for range 40 {
		b.put(at, `fails{job="tocsin"} 0`)
		b.tick(at, false) // the engine's own failure is no matter
		at = at.Add(step15)
	}
	if got := b.states()["Fails"]; got != "" {
		t.Errorf("Fails is %q once the window is full", got)
	}
}

// TestChurn: containers come, and some ports of them are no metrics at all. Who has never
// answered has brought nothing that could be missed.
func TestChurn(t *testing.T) {
	b := newBench(t, nil)
	b.load(nodeRules)
	at := t0
	for i := range 20 {
		v := 9
		if i >= 10 {
			v = 1
		}
		b.hears(node("a", at, true), load("a", v)...)
		if i >= 3 {
			port := node(fmt.Sprint("port", i), at, false)
			port.Names = nil
			b.Hear(waiting(port))
			port.At = at.Add(time.Millisecond)
			b.Hear(port)
		}
		b.tick(at, true)
		if got := b.states()["Total"]; (got == "firing") != (i < 10) {
			t.Fatalf("evaluation %d: Total is %q", i, got)
		}
		at = at.Add(step15)
	}
}

// TestRenamedTargetThatFails: one that comes with other labels, while the one that it was
// does not answer, is the same: that it fails is no evidence.
func TestRenamedTargetThatFails(t *testing.T) {
	for _, fails := range []bool{true, false} {
		failsAfterBeingRenamed(t, fails)
	}
}

func failsAfterBeingRenamed(t *testing.T, before bool) {
	b := newBench(t, nil)
	b.load(nodeRules)
	b.hears(node("a", t0, true), load("a", 9)...)
	b.tick(t0, true)
	at := t0.Add(step15)
	if before {
		b.hears(node("a", at, false), load("a", "stale")...)
	} else {
		b.hears(node("a", at, true), load("a", 9)...)
	}
	b.tick(at, true)
	renamed := waiting(node("a", at, false))
	renamed.Target, renamed.Labels, renamed.Names = "node/a2", labels.FromStrings("job", "node", "instance", "a", "rack", "1"), nil
	b.Hear(renamed)
	b.Hear(Source{Target: "node/a", Job: "node", Gone: true, At: at})
	for range 3 {
		at = at.Add(step15)
		renamed.Waiting, renamed.At = false, at
		b.hears(renamed)
		b.put(at, load("a", "stale")...)
		if got := b.tick(at, true); len(resolvedOnly(got)) > 0 || b.states()["Total"] != "firing" {
			t.Fatalf("sent %v, states %v", got, b.states())
		}
	}
}

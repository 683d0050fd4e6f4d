package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/alert"
)

// node is a scrape of a target of the job node.
func node(instance string, at time.Time, up bool) Source {
	return Source{
		Target: "node/" + instance, Job: "node", Labels: labels.FromStrings("job", "node", "instance", instance),
		Names: func(name string) bool { return name == "load" }, At: at, Interval: step15, Up: up,
	}
}

func load(instance string, v any) []string {
	up := 1
	if v == "stale" {
		up = 0
	}
	return []string{fmt.Sprintf(`load{job="node",instance=%q} %v`, instance, v), fmt.Sprintf(`up{job="node",instance=%q} %d`, instance, up)}
}

func waiting(s Source) Source {
	s.Waiting, s.Up = true, false
	return s
}

const nodeRules = `groups: [{name: g, rules: [
	{alert: Load, expr: load > 5}, {alert: Total, expr: sum by (job) (load) > 5}, {alert: Docker, expr: containers > 0},
	{alert: Few, expr: (count(load) or vector(0)) < 2}, {alert: Down, expr: 'up{job="node"} == 0'}]}]`

// TestFailureOfOneTarget: an alert of another rule, and an alert of another target, end
// as ever; what is about the target that failed is held.
func TestFailureOfOneTarget(t *testing.T) {
	b := newBench(t, nil)
	b.load(nodeRules)
	b.hears(node("a", t0, true), load("a", 9)...)
	b.hears(node("b", t0, true), load("b", 9)...)
	b.put(t0, "containers 1")
	expect(t, "sent", b.tick(t0, true), `firing {alertname="Load", instance="a", job="node"}`, `firing {alertname="Load", instance="b", job="node"}`,
		`firing {alertname="Total", job="node"}`, `firing {alertname="Docker"}`)
	at := t0.Add(step15)
	b.hears(node("a", at, false), load("a", "stale")...)
	b.hears(node("b", at, true), load("b", 1)...)
	b.put(at, "containers 0")
	expect(t, "sent when a fails", b.tick(at, true), `resolved {alertname="Load", instance="b", job="node"}`,
		`resolved {alertname="Docker"}`, `firing {alertname="Down", instance="a", job="node"}`)
	for _, a := range b.rule(0).Alerts {
		if held := !a.HeldSince.IsZero(); held != (a.Labels.Get("instance") == "a") {
			t.Errorf("%s held since %v", a.Labels, a.HeldSince)
		}
	}
	if got := b.states(); got["Total"] != "firing" || got["Few"] != "pending" {
		t.Errorf("states %v, want Total held and Few not firing", got)
	}
	in, _ := b.Insight(b.rule(0).Rule)
	if len(in.Missing) != 1 || in.Missing[0].Instance != "a" || !in.Missing[0].Since.Equal(at) {
		t.Errorf("missing %+v, want a", in.Missing)
	}
	if in, _ := b.Insight(b.rule(2).Rule); len(in.Missing) > 0 {
		t.Errorf("missing %+v of what reads nothing of it", in.Missing)
	}
	at = at.Add(step15)
	b.hears(node("a", at, true), load("a", 1)...)
	b.hears(node("b", at, true), load("b", 1)...)
	expect(t, "sent when it is back", b.tick(at, true), `resolved {alertname="Load", instance="a", job="node"}`,
		`resolved {alertname="Total", job="node"}`, `resolved {alertname="Down", instance="a", job="node"}`)
}

// TestFailureOfTheEngineAlone: what reads nothing of the target of the ticks is not
// touched by its failure, nor by counts that mean nothing yet.
func TestFailureOfTheEngineAlone(t *testing.T) {
	for _, tick := range []Tick{{Up: false}, {Up: true, Restoring: true}} {
		b := newBench(t, nil)
		b.Describe(labels.FromStrings("job", "docker"), func(name string) bool { return name == "containers" })
		b.load(`groups: [{name: g, rules: [{record: r, expr: 'sum by (instance) (load{job="node"})'}, {alert: Load, expr: load > 5}, {alert: Recorded, expr: r > 5},
			{alert: Low, expr: r < 5}, {alert: Docker, expr: containers > 0}]}]`)
		b.hears(node("a", t0, true), load("a", 9)...)
		b.put(t0, `containers{job="docker"} 1`)
		b.tick(t0, true)
		tick.At = t0.Add(step15)
		b.hears(node("a", tick.At, true), load("a", 1)...)
		b.put(tick.At, `containers{job="docker"} 0`)
		b.Step(t.Context(), tick)
		if got := b.states(); got["Docker"] != "firing" || got["Load"] != "" || got["Recorded"] != "" || got["Low"] != "firing" {
			t.Errorf("%+v: states %v, want only Docker held", tick, got)
		}
		if in, _ := b.Insight(b.rule(1).Rule); !in.Apart {
			t.Error("Load reads nothing of the engine")
		}
	}
}

// TestDeadTargetIsTakenAsItIs: what is down for HOLD_LIMIT is no doubt for what begins
// later, and all that was held for it is over.
func TestDeadTargetIsTakenAsItIs(t *testing.T) {
	b := newBench(t, func(o *Options) { o.HoldLimit = 5 * time.Minute })
	b.load(`groups: [{name: g, rules: [{alert: Total, expr: sum(load) > 5}, {alert: Any, expr: count(load > 7) > 0}]}]`)
	b.hears(node("a", t0, true), load("a", 6)...)
	b.hears(node("b", t0, true), load("b", 0)...)
	b.tick(t0, true)
	at := t0
	for at.Sub(t0) < 4*time.Minute {
		at = at.Add(step15)
		b.hears(node("a", at, false), load("a", "stale")...)
		b.hears(node("b", at, true), load("b", 0)...)
		if b.tick(at, true); b.states()["Total"] != "firing" {
			t.Fatalf("after %s: %v, want it held", at.Sub(t0), b.states())
		}
	}
	for at.Sub(t0) < 6*time.Minute {
		at = at.Add(step15)
		b.hears(node("a", at, false))
		b.hears(node("b", at, true), load("b", 0)...)
		b.tick(at, true)
	}
	if got := b.states(); got["Total"] != "" {
		t.Errorf("after the hold limit: %v, want it resolved", got)
	}
	at = at.Add(step15)
	b.hears(node("a", at, false))
	b.hears(node("b", at, true), load("b", 9)...)
	expect(t, "sent of what begins then", b.tick(at, true), `firing {alertname="Total"}`, `firing {alertname="Any"}`)
}

// TestTargetsWaitAfterARestart: alerts of the process before are held until their
// targets have been scraped; one that is not there any more ends.
func TestTargetsWaitAfterARestart(t *testing.T) {
	b := newBench(t, nil)
	b.load(nodeRules)
	b.hears(node("a", t0, true), load("a", 9)...)
	b.hears(node("b", t0, false), load("b", "stale")...)
	b.hears(node("b", t0, false))
	b.tick(t0, true)
	b.tick(t0.Add(step15), true)
	n := newBench(t, func(o *Options) { o.Queryable, o.Appendable, o.Plan = b.db, b.db, nil })
	n.feed = b.db
	at := t0.Add(20 * time.Minute) // nothing of before is in sight
	n.Hear(waiting(node("a", at, false)))
	n.Hear(waiting(node("b", at, false)))
	n.Restore(b.recs(), t0.Add(step15), at)
	n.load(nodeRules)
	for range 3 {
		n.put(at, "containers 0")
		expect(t, "sent while they wait", resolvedOnly(n.tick(at, true)))
		if got := n.states(); got["Few"] == "firing" || got["Down"] != "firing" {
			t.Fatalf("states %v while targets wait", got)
		}
		at = at.Add(step15)
	}
	n.hears(node("a", at, true), load("a", 1)...)
	n.Hear(node("b", at, false)) // and nothing of it is stored yet
	expect(t, "sent when a is there", resolvedOnly(n.tick(at, true)), `resolved {alertname="Load", instance="a", job="node"}`)
	if got := n.states(); got["Down"] != "firing" {
		t.Errorf("states %v before it could be seen that b is down", got)
	}
	n.put(at, load("b", "stale")...)
	at = at.Add(step15)
	n.hears(node("a", at, true), load("a", 1)...)
	n.Hear(Source{Target: "node/b", Gone: true})
	n.put(at, `up{job="node",instance="b"} stale`)
	expect(t, "sent when b is gone", resolvedOnly(n.tick(at, true)), `resolved {alertname="Down", instance="b", job="node"}`)
}

func resolvedOnly(sent []string) (out []string) {
	for _, s := range sent {
		if strings.HasPrefix(s, "resolved") {
			out = append(out, s)
		}
	}
	return out
}

// TestNewTargetKeepsNothingUp: a target that is discovered later than its job was
// scraped cannot have brought anything yet.
func TestNewTargetKeepsNothingUp(t *testing.T) {
	b := newBench(t, nil)
	b.load(nodeRules)
	b.hears(node("a", t0, true), load("a", 9)...)
	b.tick(t0, true)
	at := t0.Add(step15)
	b.hears(node("a", at, true), load("a", 1)...)
	b.Hear(waiting(node("c", at, false)))
	expect(t, "sent", resolvedOnly(b.tick(at, true)), `resolved {alertname="Load", instance="a", job="node"}`, `resolved {alertname="Total", job="node"}`)
}

// TestSilentTarget: a target of which nothing is heard is no evidence: when the machine
// has slept, others are scraped first.
func TestSilentTarget(t *testing.T) {
	b := newBench(t, nil)
	b.load(nodeRules)
	b.hears(node("a", t0, true), load("a", 9)...)
	b.put(t0, "containers 1")
	b.tick(t0, true)
	at := t0.Add(8 * time.Hour)
	b.put(at, "containers 0")
	b.sent = nil
	b.Step(t.Context(), Tick{At: at, Up: true, Slept: 8*time.Hour - step15})
	if got := b.states(); got["Load"] != "firing" || got["Total"] != "firing" || got["Docker"] != "" {
		t.Errorf("states %v before the target is scraped, want what is about it as it was", got)
	}
	if in, _ := b.Insight(b.rule(0).Rule); len(in.Missing) != 1 || !in.Missing[0].Silent {
		t.Errorf("missing %+v, want a, of which nothing was heard", in.Missing)
	}
	at = at.Add(time.Second)
	b.hears(node("a", at, true), load("a", 1)...)
	b.Step(t.Context(), Tick{At: at.Add(step15), Up: true, Slept: 8*time.Hour - step15})
	if got := b.states(); got["Load"] != "" {
		t.Errorf("states %v after it was, want Load resolved", got)
	}
}

// TestOutageOfATargetIsAGap: a window that a target has left empty ends nothing that
// began before, over a restart too, and another's does.
func TestOutageOfATargetIsAGap(t *testing.T) {
	const rules = `groups: [{name: g, rules: [{alert: W, expr: 'sum by (instance) (count_over_time(load[5m])) > 10'}]}]`
	b := newBench(t, nil)
	b.load(rules)
	at := t0
	scrape := func(e *workbench, aUp bool) {
		v := any(1)
		if !aUp {
			v = "stale"
		}
		e.hears(node("a", at, aUp), load("a", v)...)
		e.hears(node("b", at, true), load("b", 1)...)
		e.tick(at, true)
		at = at.Add(step15)
	}
	for range 20 {
		scrape(b, true)
	}
	for range 12 {
		scrape(b, false)
	}
	for range 8 {
		scrape(b, true)
		if a := b.rule(0).Alerts; len(a) != 2 || a[0].State != alert.Firing || a[0].HeldSince.IsZero() != (len(b.series(`ALERTS_HELD{instance="a"}`, at.Add(-step15))) == 0) {
			t.Fatalf("alerts %+v while a's window fills, want both firing", a)
		}
	}
	n := newBench(t, func(o *Options) { o.Queryable, o.Appendable, o.Plan = b.db, b.db, nil })
	n.feed = b.db
	n.Restore(b.recs(), at.Add(-step15), at)
	n.Hear(waiting(node("a", at, false)))
	n.Hear(waiting(node("b", at, false)))
	n.load(rules)
	for range 4 {
		scrape(n, true)
	}
	if a := n.rule(0).Alerts; len(a) != 2 || a[0].State != alert.Firing {
		t.Errorf("alerts %+v after a restart within the window, want both firing", a)
	}
	for range 30 {
		scrape(n, true)
	}
	for _, a := range n.rule(0).Alerts {
		if a.State != alert.Firing || !a.HeldSince.IsZero() {
			t.Errorf("%+v once the window is full, want it firing and not held", a)
		}
	}
}

// TestRecordedOfATarget: what a recording rule of another group could not read of one
// target keeps nothing from the alerts of another, and what it recorded without a
// target is no evidence until it has recorded with it.
func TestRecordedOfATarget(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: slow, interval: 1m, rules: [{record: r, expr: "sum by (instance) (load)"}]}, {name: fast, rules: [{alert: A, expr: r > 5}]}]`)
	at := t0
	for i := range 9 {
		upA := i != 4 // the slow group's turn
		vb := 9
		if i >= 3 {
			vb = 1
		}
		va := any(9)
		if !upA {
			va = "stale"
		}
		b.hears(node("a", at, upA), load("a", va)...)
		b.hears(node("b", at, true), load("b", vb)...)
		b.tick(at, true)
		for _, a := range b.rule(1).Alerts {
			want := alert.Firing
			if a.Labels.Get("instance") == "b" && i >= 4 {
				want = alert.Inactive
			}
			if a.State != want {
				t.Errorf("evaluation %d: %s is %s, want %s", i, a.Labels, a.State, want)
			}
		}
		at = at.Add(step15)
	}
}

// meanwhile has something happen in the middle of a query: after the engine has looked
// at what it knows, and before storage is read.
type meanwhile struct {
	storage.Queryable
	happens *func()
}

func (m meanwhile) Querier(mint, maxt int64) (storage.Querier, error) {
	if f := *m.happens; f != nil {
		*m.happens = nil
		f()
	}
	return m.Queryable.Querier(mint, maxt)
}

// TestFailureDuringAnEvaluation: stale markers that come into storage after an
// evaluation has begun end nothing, nor if the target is back before it is over.
func TestFailureDuringAnEvaluation(t *testing.T) {
	for _, back := range []bool{false, true} {
		for _, rules := range []string{
			`{alert: A, expr: load > 5}, {alert: None, expr: (count(load) or vector(0)) < 1}`,
			`{record: r, expr: load}, {alert: A, expr: r > 5}, {alert: None, expr: (count(load) or vector(0)) < 1}`,
		} {
			var happens func()
			b := newBench(t, func(o *Options) {
				o.Queryable, o.Plan = meanwhile{o.Queryable, &happens}, nil
			})
			b.opts.Appendable, b.feed = b.db, b.db
			b.load(`groups: [{name: g, rules: [` + rules + `]}]`)
			b.hears(node("a", t0, true), load("a", 9)...)
			expect(t, "sent", b.tick(t0, true), firingOf(b)...)
			at := t0.Add(step15)
			met := false
			happens = func() {
				met = true
				b.hears(node("a", at, false), load("a", "stale")...)
				if back { // between its markers and its samples the query reads
					b.Hear(node("a", at.Add(time.Millisecond), true))
				}
			}
			for _, s := range b.tick(at, true) {
				t.Errorf("back %v, %s: sent %s of a failure during the evaluation", back, rules, s)
			}
			if !met || b.states()["A"] != "firing" || b.states()["None"] == "firing" {
				t.Errorf("back %v, %s: states %v, want A held", back, rules, b.states())
			}
		}
	}
}

func firingOf(b *workbench) (out []string) {
	for _, g := range b.Snapshot().Groups {
		for _, r := range g.Rules {
			for _, a := range r.Alerts {
				out = append(out, "firing "+a.Labels.String())
			}
		}
	}
	return out
}

// TestHearKeepsNobodyWaiting: targets are heard of while groups are evaluated.
func TestHearKeepsNobodyWaiting(t *testing.T) {
	b := newBench(t, nil)
	b.load(nodeRules)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			s := node(fmt.Sprint(i%50), t0.Add(time.Duration(i)*time.Millisecond), i%3 > 0)
			s.Waiting, s.Gone = i%7 == 0, i%11 == 0
			b.Hear(s)
		}
	}()
	for i := range 40 {
		at := t0.Add(time.Duration(i) * step15)
		b.put(at, load("1", i%9)...)
		b.tick(at, true)
		b.Insight(b.rule(0).Rule)
	}
	stop()
	<-done
}

package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/prometheus/storage"
)

func (b *workbench) pauseAll() {
	for _, g := range *b.groups.Load() {
		g.paused = true
	}
}

// TestSourceNotEvaluatedSinceAGap: after a pause, what another group records is not
// there until that has had its turn.
func TestSourceNotEvaluatedSinceAGap(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: a, rules: [{alert: A, expr: r > 0}, {alert: Gone, expr: absent(r)}]}, {name: z, rules: [{record: r, expr: x}]}]`)
	at := t0
	tick := func(v string) []string {
		b.put(at, v)
		sent := b.tick(at, true)
		at = at.Add(step15)
		return sent
	}
	for range 4 {
		tick("x 1")
	}
	b.pauseAll()
	at = at.Add(10 * time.Minute)
	for range 3 {
		tick("x 1")
		if got := b.states(); got["A"] != "firing" || got["Gone"] == "firing" {
			t.Fatalf("states %v after a pause, want A firing alone", got)
		}
	}
	tick("x stale")
	expect(t, "sent when what is recorded ends", tick("x stale"), `resolved {alertname="A"}`, `firing {alertname="Gone"}`)
}

// TestReloadMakesNoSourceSure: what recorded nothing for want of data is as unsure
// after a reload.
func TestReloadMakesNoSourceSure(t *testing.T) {
	b := newBench(t, nil)
	const content = `groups: [{name: a, rules: [{alert: A, expr: r > 0}]}, {name: z, interval: 5m, rules: [{record: r, expr: x}]}]`
	b.load(content)
	at := t0
	for at.Sub(t0) < 5*time.Minute {
		b.put(at, "x 1")
		b.tick(at, true)
		at = at.Add(step15)
	}
	b.put(at, "x stale")
	b.tick(at, false) // the turn of z
	for range 2 {
		at = at.Add(step15)
		b.put(at, "x 1")
		b.tick(at, true)
		if got := b.states()["A"]; got != "firing" {
			t.Fatalf("A is %q", got)
		}
		b.load(content)
	}
}

type failingCommit struct {
	storage.AppendableV2
	fail *bool
}

type failingAppender struct {
	storage.AppenderV2
	fail bool
}

func (f failingCommit) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return failingAppender{f.AppendableV2.AppenderV2(ctx), *f.fail}
}

func (a failingAppender) Commit() error {
	if a.fail {
		return errors.Join(errors.New("no space left on device"), a.Rollback())
	}
	return a.AppenderV2.Commit()
}

// TestSourceThatStorageDoesNotTake: what was recorded and not stored is no evidence,
// also when the last of it is out of sight.
func TestSourceThatStorageDoesNotTake(t *testing.T) {
	fail := false
	b := newBench(t, nil)
	b.opts.Appendable, b.opts.Plan = failingCommit{b.db, &fail}, nil
	b.load(`groups: [{name: g, rules: [{record: r, expr: x}, {alert: A, expr: r > 0}]}]`)
	at := t0
	for i := range 60 {
		fail = i > 4
		b.put(at, "x 1")
		if b.tick(at, true); b.states()["A"] != "firing" {
			t.Fatalf("evaluation %d: A is %q, want firing", i, b.states()["A"])
		}
		at = at.Add(step15)
	}
}

// TestNothingFiresForWantOfData: what an expression gives when a failed scrape takes
// its data away does not fire, and is there to fire when the data does not come back.
func TestNothingFiresForWantOfData(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: z, rules: [{record: r, expr: x}, {record: n, expr: sum(up)}]}, {name: a, rules: [
		{alert: Unless, expr: y unless r}, {alert: Few, expr: (sum(x) or vector(0)) < 1}, {alert: Down, expr: 'up == 0 unless ALERTS{alertname="Few"}'},
		{alert: NoneUp, expr: n < 1}, {alert: Own, expr: 'own{job="tocsin"} > 0'}, {alert: Always, expr: vector(1)}]}]`)
	b.put(t0, "x 3", "y 1", "up 1", `own{job="tocsin"} 0`)
	expect(t, "sent", b.tick(t0, true), `firing {alertname="Always"}`)
	at := t0.Add(step15)
	b.put(at, "x stale", "y 1", "up 0", `own{job="tocsin"} 1`)
	expect(t, "sent of a failed scrape", b.tick(at, false), `firing {alertname="Down"}`, `firing {alertname="NoneUp"}`, `firing {alertname="Own", job="tocsin"}`)
	at = at.Add(step15)
	b.put(at, "y 1", "up 1", `own{job="tocsin"} 1`)
	expect(t, "sent when x does not come back", b.tick(at, true),
		`firing {alertname="Unless"}`, `firing {alertname="Few"}`, `resolved {alertname="Down"}`, `resolved {alertname="NoneUp"}`)
}

// TestOutageCountsForNoFor: an expression that goes on giving a result over an outage
// is nobody's look at the target. After HOLD_LIMIT it is taken as Prometheus does.
func TestOutageCountsForNoFor(t *testing.T) {
	b := newBench(t, func(o *Options) { o.HoldLimit = 20 * time.Minute })
	b.load(`groups: [{name: g, rules: [{alert: A, expr: "max_over_time(x[2h]) > 0", for: 5m}]}]`)
	at := t0
	for ; at.Sub(t0) < time.Minute; at = at.Add(step15) {
		b.put(at, "x 1")
		b.tick(at, true)
	}
	begin := at
	for ; at.Sub(begin) < 15*time.Minute; at = at.Add(step15) {
		if got := b.tick(at, false); len(got) > 0 {
			t.Fatalf("sent %v after %s of failed scrapes", got, at.Sub(begin))
		}
	}
	begin = at
	for ; b.states()["A"] == "pending"; at = at.Add(step15) {
		b.put(at, "x 1")
		b.tick(at, true)
	}
	if got := at.Sub(begin); got < 4*time.Minute || got > 5*time.Minute {
		t.Errorf("fires %s after the outage, want what was left of 5m", got)
	}
	b.load(`groups: [{name: h, rules: [{alert: B, expr: "max_over_time(x[2h]) > 0", for: 5m}]}]`)
	begin = at
	for at = at.Add(step15); b.states()["B"] != "firing" && at.Sub(begin) < time.Hour; at = at.Add(step15) {
		b.tick(at, false)
	}
	if got := at.Sub(begin); got < 24*time.Minute || got > 26*time.Minute {
		t.Errorf("fires after %s of an outage, want the hold limit and its for", got)
	}
}

// TestUpAsAGuard: a rule that reads up beside other data does not exist to notice
// that data is missing.
func TestUpAsAGuard(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0 and on() up == 1}]}]`)
	b.put(t0, "x 1", "up 1")
	b.tick(t0, true)
	at := t0.Add(step15)
	b.put(at, "x stale", "up 0")
	if b.tick(at, false); b.states()["A"] != "firing" {
		t.Errorf("A is %q after one failed scrape, want it held", b.states()["A"])
	}
}

// TestWindowOfARareSource: what a source gave at its last turn, over a window with an
// outage in it, is read until its next.
func TestWindowOfARareSource(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: a, rules: [{alert: A, expr: r > 4}]}, {name: z, interval: 4m, rules: [{record: r, expr: "count_over_time(x[2m])"}]}]`)
	for at := t0.Add(step15); at.Sub(t0) < 25*time.Minute; at = at.Add(step15) {
		// The target is back 30 s before the turn of z.
		up := at.Sub(t0) <= 13*time.Minute || at.Sub(t0) >= 15*time.Minute+45*time.Second
		v := "x 1"
		if !up {
			v = "x stale"
		}
		b.put(at, v)
		if b.tick(at, up); at.Sub(t0) > 5*time.Minute && b.states()["A"] != "firing" {
			t.Fatalf("A is %q at %s, want firing", b.states()["A"], at.Sub(t0))
		}
	}
}

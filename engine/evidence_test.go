package engine

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/rules"
)

// TestFailedRecordingRuleSaysNothing: what it recorded is not marked stale, and
// alerts over that stay.
func TestFailedRecordingRuleSaysNothing(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, rules: [{record: r, expr: x, labels: {k: same}}, {alert: A, expr: r > 0}]}]`)
	b.put(t0, `x{k="1"} 1`)
	b.tick(t0, true)
	at := t0.Add(step15)
	b.put(at, `x{k="1"} 1`, `x{k="2"} 1`) // two results become one series
	expect(t, "sent", b.tick(at, true))
	expect(t, "recorded before", b.series("r", at), `{__name__="r", k="same"} 1`)
	at = at.Add(step15)
	b.put(at, `x{k="1"} stale`, `x{k="2"} stale`)
	expect(t, "sent when it works again and gives nothing", b.tick(at, true), `resolved {alertname="A", k="same"}`)
}

// TestJournalThatFailsIsGivenAllLater: changes wait until the journal takes them.
func TestJournalThatFailsIsGivenAllLater(t *testing.T) {
	b := newBench(t, nil)
	takes := b.opts.Journal
	full := false
	b.opts.Journal = func(c alert.Changes) error {
		if full {
			return errors.New("disk full")
		}
		return takes(c)
	}
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0, for: 1h}, {alert: B, expr: y > 0}]}]`)
	b.put(t0, `x 1`)
	b.tick(t0, true)
	full = true
	at := t0.Add(step15)
	b.put(at, `x 0`, `y 1`)
	b.tick(at, true)
	full = false
	at = at.Add(step15)
	b.put(at, `x 0`, `y 1`)
	b.tick(at, true)
	if len(b.journal) != 1 {
		t.Fatalf("the journal has %v, want B alone", b.journal)
	}
	for k := range b.journal {
		if k.Rule.Name != "B" {
			t.Errorf("the journal has %v, want B alone", b.journal)
		}
	}
}

// TestJournalThatFailsOverARename: what a rule had under its old name, or one that is
// gone had, is deleted when the journal works again.
func TestJournalThatFailsOverARename(t *testing.T) {
	b := newBench(t, nil)
	takes := b.opts.Journal
	full := false
	b.opts.Journal = func(c alert.Changes) error {
		if full {
			return errors.New("disk full")
		}
		return takes(c)
	}
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0}, {alert: B, expr: x > 0}]}]`)
	b.put(t0, `x 1`)
	b.tick(t0, true)
	full = true
	b.load(`groups: [{name: h, rules: [{alert: A, expr: x > 0}]}]`)
	full = false
	at := t0.Add(step15)
	b.put(at, `x 1`)
	b.tick(at, true)
	for k := range b.journal {
		if k.Rule.Group != "h" || len(b.journal) != 1 {
			t.Errorf("the journal has %v, want A in its new group alone", b.journal)
		}
	}
}

// TestJournalThatFailsOverARenameAndBack: what has its old name again is not deleted.
func TestJournalThatFailsOverARenameAndBack(t *testing.T) {
	b := newBench(t, nil)
	takes := b.opts.Journal
	full := false
	b.opts.Journal = func(c alert.Changes) error {
		if full {
			return errors.New("disk full")
		}
		return takes(c)
	}
	names := []string{"g", "h", "g"}
	for i, name := range names {
		full = i > 0
		b.load(`groups: [{name: ` + name + `, rules: [{alert: A, expr: x > 0}]}]`)
		if i == 0 {
			b.put(t0, `x 1`)
			b.tick(t0, true)
		}
	}
	full = false
	at := t0.Add(step15)
	b.put(at, `x 1`)
	b.tick(at, true)
	for k := range b.journal {
		if k.Rule.Group != "g" {
			t.Errorf("the journal has %v, want A in g", b.journal)
		}
	}
	if len(b.journal) != 1 {
		t.Errorf("the journal has %d alerts, want one", len(b.journal))
	}
}

func TestRuleMayChangeItsKind(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, rules: [{record: a, expr: x}]}]`)
	b.put(t0, `x 1`)
	b.tick(t0, true)
	b.load(`groups: [{name: g, rules: [{alert: a, expr: x > 0}]}]`)
	at := t0.Add(step15)
	b.put(at, `x 1`)
	expect(t, "sent", b.tick(at, true), `firing {alertname="a"}`)
	b.load(`groups: [{name: g, rules: [{record: a, expr: x}]}]`)
	if len(b.sent) != 2 || !b.sent[1].Resolved {
		t.Errorf("sent %v, want the alert resolved", b.sent)
	}
}

// TestUnreadableRulesHoldTheirAlerts: at the start of a process and on a reload,
// what fires is held and refreshed while its rule cannot be read, found again when
// it can be, and resolved when it is known to be gone.
func TestUnreadableRulesHoldTheirAlerts(t *testing.T) {
	b := newBench(t, func(o *Options) { o.HoldLimit = 10 * time.Minute })
	b.Restore([]alert.Record{{
		Rule:  alert.RuleID{File: "rules.yml", Group: "g", Name: "A", Labels: "{}"},
		Alert: alert.Alert{State: alert.Firing, Labels: labels.FromStrings("alertname", "A"), ActiveAt: t0, FiredAt: t0, LastSentAt: t0},
	}}, t0, t0)
	b.Load(nil, false)
	at := t0.Add(2 * time.Minute)
	expect(t, "sent while the rule cannot be read", b.tick(at, true), `firing {alertname="A"}`)
	if a := b.rule(0).Alerts[0]; a.HeldSince.IsZero() || !a.FiredAt.Equal(t0) {
		t.Errorf("alert %+v, want held, and fired at %v", a, t0)
	}
	at = at.Add(time.Minute)
	b.put(at, `x 1`)
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0}]}]`)
	b.tick(at, true)
	if a := b.rule(0).Alerts[0]; !a.HeldSince.IsZero() || !a.FiredAt.Equal(t0) {
		t.Errorf("alert %+v of the mended rule, want firing since %v and not held", a, t0)
	}
	b.Load(nil, false)
	b.tick(at.Add(step15), true)
	b.sent = nil
	b.Load([]rules.Group{}, true)
	b.takeNext(nil)
	if len(b.sent) != 1 || !b.sent[0].Resolved {
		t.Errorf("sent %v once the rule is gone, want it resolved", b.sent)
	}
}

// TestPauseIsNoTimeOfWant: an alert that was held when the engine stopped is held
// no shorter for the pause.
func TestPauseIsNoTimeOfWant(t *testing.T) {
	b := newBench(t, func(o *Options) { o.HoldLimit = 10 * time.Minute })
	b.load(hotRule)
	b.put(t0, `temp{room="a"} 31`)
	b.tick(t0, true)
	at := t0.Add(step15)
	b.put(at, `temp{room="a"} stale`)
	b.tick(at, false)
	for _, g := range *b.groups.Load() {
		g.paused = true // as Run leaves it
	}
	if err := b.Pause(at.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	at = at.Add(2 * time.Hour)
	b.tick(at, false)
	if got := b.states()["Hot"]; got != "firing" {
		t.Errorf("after a pause of two hours the alert is %q, want firing", got)
	}
}

// TestClockBehindAtBoot: what fires goes on firing and is sent; what is pending
// waits its whole time.
func TestClockBehindAtBoot(t *testing.T) {
	b := newBench(t, nil)
	rec := func(name string, st alert.State) alert.Record {
		a := alert.Alert{State: st, Labels: labels.FromStrings("alertname", name), ActiveAt: t0, LastSentAt: t0}
		if st == alert.Firing {
			a.ActiveAt, a.FiredAt = t0.Add(-5*time.Minute), t0
		}
		return alert.Record{Rule: alert.RuleID{File: "rules.yml", Group: "g", Name: name, Labels: "{}"}, Alert: a}
	}
	b.Restore([]alert.Record{rec("F", alert.Firing), rec("P", alert.Pending)}, t0, t0.Add(-36*time.Minute))
	b.load(`groups: [{name: g, rules: [{alert: F, expr: x > 0, for: 5m}, {alert: P, expr: x > 0, for: 30s}]}]`)
	at := t0.Add(-36 * time.Minute)
	b.put(at, `x 1`)
	expect(t, "sent with a clock that is behind", b.tick(at, true), `firing {alertname="F"}`)
	for i, want := range []string{"pending", "firing"} {
		at = at.Add(step15)
		b.put(at, `x 1`)
		b.tick(at, true)
		if got := b.states()["P"]; got != want {
			t.Errorf("evaluation %d: P is %s, want %s", i+1, got, want)
		}
	}
}

func TestSeriesOfRemovedRulesGoStaleOverTwoReloads(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0}]}]`)
	b.put(t0, `x 1`)
	b.tick(t0, true)
	b.Load(nil, true)
	b.takeNext(nil)
	b.load(`groups: [{name: h, rules: [{alert: B, expr: x > 9}]}]`)
	b.load(`groups: [{name: i, rules: [{alert: C, expr: x > 9}]}]`)
	at := t0.Add(step15)
	b.tick(at, true)
	expect(t, "ALERTS of the removed rule", b.series("ALERTS", at))
}

// TestHeldBackAlertOfBeforeEnds: a resolved alert that comes back over the limit
// is not sent as resolved for ever.
func TestHeldBackAlertOfBeforeEnds(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, limit: 1, rules: [{alert: A, expr: x > 0}]}]`)
	b.put(t0, `x{k="1"} 1`)
	b.tick(t0, true)
	at := t0.Add(step15)
	b.put(at, `x{k="1"} 0`, `x{k="2"} 1`)
	b.tick(at, true)
	resolved := 0
	for range 100 {
		at = at.Add(step15)
		b.put(at, `x{k="1"} 1`, `x{k="2"} 1`)
		for _, s := range b.tick(at, true) {
			if s == `resolved {alertname="A", k="1"}` {
				resolved++
			}
		}
	}
	if resolved > 15 {
		t.Errorf("resolved was sent %d times in 25 minutes, want for 15 minutes at most", resolved)
	}
}

// TestSlotBeforeTheTick: a group with its own time is evaluated when a scrape that
// failed, or that of an engine that starts, is in storage and its tick is still to
// come.
func TestSlotBeforeTheTick(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, interval: 7s, rules: [
		{alert: A, expr: x > 0}, {record: r, expr: x}, {alert: Recorded, expr: r > 0}, {alert: None, expr: x == 0}]}]`)
	b.put(t0, `x 1`)
	b.tick(t0, true)
	at := t0.Add(step15)
	b.put(at, `x stale`)
	b.Announce(Tick{At: at, Up: false})
	expect(t, "sent after a failed scrape", b.tick(at, true)) // what was heard last is a good one
	at = at.Add(step15)
	b.put(at, `x 0`)
	b.Announce(Tick{At: at, Up: true, Restoring: true})
	for _, s := range b.tick(at, true) {
		t.Errorf("sent of an engine that starts: %s", s)
	}
	expect(t, "recorded of an engine that starts", b.series("r", at))
	at = at.Add(step15)
	b.put(at, `x 0`)
	b.Announce(Tick{At: at, Up: true})
	expect(t, "sent when all is well", b.tick(at, true),
		`resolved {alertname="A"}`, `resolved {alertname="Recorded"}`, `firing {alertname="None"}`)
}

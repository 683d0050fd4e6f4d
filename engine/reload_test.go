package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/rules"
)

func TestReloadKeepsState(t *testing.T) {
	const before = `groups: [{name: g, rules: [{alert: A, expr: x > 0, for: 30s, labels: {l: "1"}}]}]`
	for _, tc := range []struct{ name, after, state string }{
		{"nothing changed", before, "firing"},
		{"another expression and annotation", `groups: [{name: g, rules: [{alert: A, expr: x >= 1, for: 30s, labels: {l: "1"}, annotations: {a: b}}]}]`, "firing"},
		{"group renamed", `groups: [{name: h, rules: [{alert: A, expr: x > 0, for: 30s, labels: {l: "1"}}]}]`, "firing"},
		{"another rule before it", `groups: [{name: g, rules: [{alert: B, expr: x > 9}, {alert: A, expr: x > 0, for: 30s, labels: {l: "1"}}]}]`, "firing"},
		{"for became longer", `groups: [{name: g, rules: [{alert: A, expr: x > 0, for: 5m, labels: {l: "1"}}]}]`, "pending"},
		{"another label", `groups: [{name: g, rules: [{alert: A, expr: x > 0, for: 30s, labels: {l: "2"}}]}]`, "pending"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t, nil)
			b.load(before)
			at := t0
			for range 3 {
				b.put(at, `x 1`)
				b.tick(at, true)
				at = at.Add(step15)
			}
			b.load(tc.after)
			b.put(at, `x 1`)
			b.tick(at, true)
			expect(t, "state", b.series(`count by (alertstate) (ALERTS)`, at), `{alertstate="`+tc.state+`"} 1`)
			if len(b.journal) != 1 {
				t.Errorf("the journal has %d alerts, want 1: %v", len(b.journal), b.journal)
			}
		})
	}
}

func TestDeletedRuleResolvesItsAlerts(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0}, {record: r, expr: x}, {alert: B, expr: x > 0}]}]`)
	b.put(t0, `x 1`)
	b.tick(t0, true)
	b.sent = nil
	b.load(`groups: [{name: g, rules: [{alert: B, expr: x > 0}]}]`)
	if len(b.sent) != 1 || !b.sent[0].Resolved || b.sent[0].Labels.Get("alertname") != "A" {
		t.Errorf("sent %v, want A resolved", b.sent)
	}
	at := t0.Add(step15)
	b.put(at, `x 1`)
	b.tick(at, true)
	expect(t, "series of removed rules", b.series(`{__name__=~"ALERTS|r"}`, at), `{__name__="ALERTS", alertname="B", alertstate="firing"} 1`)
	if len(b.journal) != 1 {
		t.Errorf("the journal has %d alerts, want 1", len(b.journal))
	}
}

// TestStateSurvivesTheProcess: the journal of one engine is all that the next one
// gets, whatever the `for`, and the time between counts for nothing.
func TestStateSurvivesTheProcess(t *testing.T) {
	const content = `
groups:
  - name: g
    rules:
      - {alert: Firing, expr: x > 0}
      - {alert: Pending, expr: x > 0, for: 1m}
      - {alert: Kept, expr: x > 1, keep_firing_for: 1m}
      - {alert: Resolved, expr: x > 2}
`
	b := newBench(t, nil)
	b.load(content)
	b.put(t0, `x 3`)
	b.tick(t0, true)
	at := t0.Add(step15)
	b.put(at, `x 1`)
	b.tick(at, true)
	b.sent = nil
	if err := b.Pause(at); err != nil {
		t.Fatal(err)
	}
	if len(b.sent) != 2 || !b.sent[0].EndsAt.Equal(at.Add(DefaultPauseHold)) {
		t.Errorf("last will %v, want Firing and Kept for %v", b.sent, DefaultPauseHold)
	}
	var records []alert.Record
	for k, a := range b.journal {
		records = append(records, alert.Record{Rule: k.Rule, Alert: a})
	}

	next := newBench(t, nil)
	next.Restore(records, at, at.Add(10*time.Minute))
	next.load(content)
	again := at.Add(10 * time.Minute)
	next.put(again, `x 1`)
	next.tick(again, true)
	if diff := cmp.Diff(map[string]string{"Firing": "firing", "Pending": "pending", "Kept": "firing"}, next.states()); diff != "" {
		t.Errorf("states after the restart (-want +got):\n%s", diff)
	}
	if a := next.rule(0).Alerts[0]; !a.FiredAt.Equal(t0) || !a.ActiveAt.Equal(t0) {
		t.Errorf("fired at %v, active at %v; want %v as before", a.FiredAt, a.ActiveAt, t0)
	}
	for range 2 { // Pending has seen 15 s before the gap and 15 s after: 1 m is at the third from here
		again = again.Add(step15)
		next.put(again, `x 1`)
		next.tick(again, true)
	}
	if got := next.states()["Pending"]; got != "firing" {
		t.Errorf("Pending is %s after a minute of evaluations, the gap not counted; want firing", got)
	}
}

// states are the highest states of all alerting rules that have alerts; resolved
// ones do not count.
func (b *workbench) states() map[string]string {
	got := map[string]string{}
	for _, g := range b.Snapshot().Groups {
		for _, r := range g.Rules {
			if r.State != alert.Inactive {
				got[r.Rule.Alert] = r.State.String()
			}
		}
	}
	return got
}

func TestRestoredAlertOfDeletedRuleIsResolved(t *testing.T) {
	b := newBench(t, nil)
	b.Restore([]alert.Record{{
		Rule:  alert.RuleID{File: "rules.yml", Group: "g", Name: "Old"},
		Alert: alert.Alert{State: alert.Firing, Labels: labels.FromStrings("alertname", "Old"), ActiveAt: t0, FiredAt: t0},
	}}, t0, t0)
	b.load(`groups: [{name: g, rules: [{alert: New, expr: x > 0}]}]`)
	if len(b.sent) != 1 || !b.sent[0].Resolved {
		t.Errorf("sent %v, want Old resolved", b.sent)
	}
}

// TestRun drives the loops themselves in fake time: a group that follows the
// scrape and one that keeps its own, a reload, a pause and a resume.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		load := func(content string) {
			f := rules.Parse("rules.yml", []byte(content))
			if len(f.Problems) > 0 {
				t.Fatal(f.Problems)
			}
			b.Load(f.Groups, true)
		}
		const two = `
groups:
  - {name: follows, rules: [{alert: A, expr: vector(1)}]}
  - {name: own, interval: 7s, rules: [{alert: B, expr: vector(1)}]}
`
		load(two)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.Run(ctx) }()
		at := func(i int) time.Time { return b.Snapshot().Groups[i].LastEvaluation }
		scrape := func() time.Time {
			time.Sleep(step15)
			now := time.Now()
			b.Tick(Tick{At: now, Up: true})
			synctest.Wait()
			return now
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if !at(0).IsZero() || !at(1).IsZero() {
			t.Errorf("evaluated at %v and %v before any scrape", at(0), at(1))
		}
		for range 4 {
			if now := scrape(); !at(0).Equal(now) {
				t.Errorf("the group that follows was evaluated at %v, want with the scrape at %v", at(0), now)
			}
		}
		if since := time.Since(at(1)); since > 7*time.Second {
			t.Errorf("the group with its own time was last evaluated %v ago, want at most 7 s", since)
		}
		load(`groups: [{name: follows, rules: [{alert: C, expr: vector(1)}]}]`)
		synctest.Wait()
		if now := scrape(); len(b.Snapshot().Groups) != 1 || !at(0).Equal(now) {
			t.Errorf("after the reload: %+v, want one group, evaluated at %v", b.Snapshot(), now)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		last := at(0)
		b.Tick(Tick{At: time.Now().Add(step15), Up: true})
		ctx, cancel = context.WithCancel(t.Context())
		go func() { done <- b.Run(ctx) }()
		synctest.Wait()
		if !at(0).Equal(last) {
			t.Error("a tick from the pause was evaluated on resume")
		}
		if now := scrape(); !at(0).Equal(now) {
			t.Errorf("evaluated at %v after the resume, want %v", at(0), now)
		}
		time.Sleep(5 * time.Minute) // scrapes have stopped coming
		synctest.Wait()
		if since := time.Since(at(0)); since > time.Minute {
			t.Errorf("without scrapes the last evaluation is %v ago", since)
		}
		cancel()
		<-done
	})
}

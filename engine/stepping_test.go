package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestReplayIsDueAsRun: groups that follow the scrape allow it to be early or
// late, others keep their slots, with what the last scrape said.
func TestReplayIsDueAsRun(t *testing.T) {
	got := map[string][]string{}
	b := newBench(t, func(o *Options) {
		o.Observe = func(g GroupStatus) {
			got[g.Name] = append(got[g.Name], g.LastEvaluation.Sub(t0).String())
		}
	})
	b.load(`
groups:
  - {name: every, rules: [{alert: A, expr: vector(1)}]}
  - {name: second, interval: 30s, rules: [{alert: A, expr: vector(1)}]}
  - {name: own, interval: 7s, rules: [{alert: A, expr: vector(1)}]}
`)
	for i, jitter := range []time.Duration{0, -3, 2, -1, 0} {
		b.Replay(t.Context(), Tick{At: t0.Add(time.Duration(i)*step15 + jitter*time.Millisecond), Up: true})
	}
	want := map[string][]string{
		"every":  {"0s", "14.997s", "30.002s", "44.999s", "1m0s"},
		"second": {"0s", "30.002s", "1m0s"},
	}
	for at := nextSlot(t0, 7*time.Second, "rules.yml;own"); !at.After(t0.Add(time.Minute)); at = at.Add(7 * time.Second) {
		want["own"] = append(want["own"], at.Sub(t0).String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("evaluations (-want +got):\n%s", diff)
	}
}

// TestSlotsKnowTheLastScrape: at a slot the last scrape counts, not the next.
func TestSlotsKnowTheLastScrape(t *testing.T) {
	held := map[int64]string{}
	b := newBench(t, func(o *Options) {
		o.Observe = func(g GroupStatus) {
			for _, a := range g.Rules[0].Alerts {
				held[int64(g.LastEvaluation.Sub(t0)/step15)] = fmt.Sprint(a.State, !a.HeldSince.IsZero())
			}
		}
	})
	b.load("groups: [{name: own, interval: 14s, rules: [{alert: A, expr: x > 0}]}]")
	b.put(t0, "x 1")
	for i, up := range []bool{true, true, false, true, true} {
		at := t0.Add(time.Duration(i) * step15)
		if i == 2 {
			b.put(at, "x stale") // as the scraper does when the target does not answer
		} else if i > 0 {
			b.put(at, "x 1")
		}
		b.Replay(t.Context(), Tick{At: at, Up: up})
	}
	want := map[int64]string{0: "firing false", 1: "firing false", 2: "firing true", 3: "firing false"}
	if diff := cmp.Diff(want, held); diff != "" {
		t.Errorf("states after each tick (-want +got):\n%s", diff)
	}
}

// TestSuspendCountsForNoFor: nobody looked between two replays.
func TestSuspendCountsForNoFor(t *testing.T) {
	b := newBench(t, nil)
	b.load("groups: [{name: g, rules: [{alert: A, expr: vector(1), for: 1m}]}]")
	at := t0
	for range 3 {
		b.Replay(t.Context(), Tick{At: at, Up: true})
		at = at.Add(step15)
	}
	b.Suspend()
	at = at.Add(time.Hour)
	fired := time.Duration(0)
	for i := range 5 {
		b.sent = nil
		b.Replay(t.Context(), Tick{At: at, Up: true})
		if len(b.sent) > 0 {
			fired = time.Duration(i) * step15
			break
		}
		at = at.Add(step15)
	}
	if fired != step15 {
		t.Errorf("fires %v after the pause, want %v: 45 s of its minute had passed before", fired, step15)
	}
	if r := b.rule(0); len(r.Alerts) != 1 {
		t.Errorf("alerts %v, want 1", r.Alerts)
	}
}

func TestNoAnnotations(t *testing.T) {
	b := newBench(t, func(o *Options) { o.NoAnnotations = true })
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0, labels: {v: "{{ $value }}", w: "}}{x"}, annotations: {s: "{{ $value }}"}}]}]`)
	b.put(t0, "x 3")
	expect(t, "sent", b.tick(t0, true), `firing {alertname="A", v="3", w="}}{x"}`)
	if as := b.rule(0).Alerts; len(as) != 1 || !as[0].Annotations.IsEmpty() {
		t.Errorf("alerts %v, want one without annotations", as)
	}
}

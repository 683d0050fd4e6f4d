package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql"

	"github.com/tocsin/tocsin/alert"
)

// TestAlertLimit: what fires stays, what waits is admitted by first-seen order over
// all rules, and what is held back is told.
func TestAlertLimit(t *testing.T) {
	b := newBench(t, func(o *Options) { o.AlertLimit = 3 })
	b.load(`groups: [{name: g, rules: [{alert: A, expr: a > 0}, {alert: B, expr: b > 0}]}]`)
	at := t0
	tick := func(samples ...string) []string {
		b.put(at, samples...)
		sent := b.tick(at, true)
		at = at.Add(step15)
		slices.Sort(sent)
		return sent
	}
	expect(t, "sent", tick(`a{k="1"} 1`, `a{k="2"} 1`), `firing {alertname="A", k="1"}`, `firing {alertname="A", k="2"}`)
	expect(t, "sent with room for one", tick(`a{k="1"} 1`, `a{k="2"} 1`, `b{k="1"} 1`, `b{k="2"} 1`), `firing {alertname="B", k="1"}`)
	expect(t, "sent without room", tick(`a{k="1"} 1`, `a{k="2"} 1`, `a{k="3"} 1`, `b{k="1"} 1`, `b{k="2"} 1`))
	if got := [2]int{b.rule(0).HeldBack, b.rule(1).HeldBack}; got != [2]int{1, 1} {
		t.Errorf("held back %v, want one of each rule", got)
	}
	if err := b.rule(1).LastError; !strings.Contains(err, "ALERT_LIMIT") {
		t.Errorf("error %q does not name the setting", err)
	}
	// One ends: the room is B's second, which waits longer, though A is asked first.
	expect(t, "sent when one ends", tick(`a{k="1"} 0`, `a{k="2"} 1`, `a{k="3"} 1`, `b{k="1"} 1`, `b{k="2"} 1`),
		`firing {alertname="B", k="2"}`, `resolved {alertname="A", k="1"}`)
	expect(t, "sent when another ends", tick(`a{k="1"} 0`, `a{k="2"} 0`, `a{k="3"} 1`, `b{k="1"} 1`, `b{k="2"} 1`),
		`firing {alertname="A", k="3"}`, `resolved {alertname="A", k="2"}`)
}

// TestAlertLimitOverReload: rules that are gone give their room back.
func TestAlertLimitOverReload(t *testing.T) {
	b := newBench(t, func(o *Options) { o.AlertLimit = 5 })
	var samples []string
	for i := range 5 {
		samples = append(samples, fmt.Sprintf(`x{k="%d"} 1`, i))
	}
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0}]}]`)
	b.put(t0, samples...)
	b.tick(t0, true)
	b.load(`groups: [{name: g, rules: [{alert: B, expr: x > 0}]}]`)
	at := t0.Add(step15)
	b.put(at, samples...)
	if diff := cmp.Diff(5, len(b.tick(at, true))); diff != "" {
		t.Errorf("alerts of the new rule sent (-want +got):\n%s", diff)
	}
}

// TestFailedScrapeKeepsWhoWaits: neither the order is lost, nor does an outage count
// for those who wait.
func TestFailedScrapeKeepsWhoWaits(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, limit: 1, rules: [{alert: A, expr: x > 0, for: 5m}]}]`)
	at := t0
	tick := func(up bool, samples ...string) []string {
		b.put(at, samples...)
		sent := b.tick(at, up)
		at = at.Add(step15)
		return sent
	}
	tick(true, `x{k="5"} 1`)
	tick(true, `x{k="5"} 1`, `x{k="9"} 1`) // 9 waits
	for range 40 {
		tick(false, `x{k="5"} stale`, `x{k="9"} stale`)
	}
	tick(true, `x{k="5"} 1`, `x{k="9"} 1`, `x{k="1"} 1`)
	expect(t, "sent when there is room", tick(true, `x{k="5"} 0`, `x{k="9"} 1`, `x{k="1"} 1`))
	as := b.rule(0).Alerts
	if len(as) != 1 || as[0].Labels.Get("k") != "9" {
		t.Fatalf("alerts %+v, want that of k=9, which waits longest", as)
	}
	if waited := at.Sub(as[0].ActiveAt); waited > time.Minute {
		t.Errorf("k=9 is active for %s, of which it was seen for less than a minute", waited)
	}
}

// TestWaitingIsShifted: a pause counts for none of those who wait.
func TestWaitingIsShifted(t *testing.T) {
	r := &alertingRule{waiting: map[alert.Fingerprint]time.Time{1: t0}, unseenSince: t0.Add(time.Minute)}
	own := r.waiting
	r.shiftWaiting(time.Hour)
	if !r.waiting[1].Equal(t0.Add(time.Hour)) || !r.unseenSince.Equal(t0.Add(61*time.Minute)) {
		t.Errorf("waiting since %v, unseen since %v: want both an hour later", r.waiting[1], r.unseenSince)
	}
	if !own[1].Equal(t0) {
		t.Error("the map of before was changed: another goroutine may read it")
	}
}

// TestCutOffAdmission: who waited and was not admitted in time waits on, and nobody
// else is taken to have waited, should they come again.
func TestCutOffAdmission(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0}]}]`)
	r := (*b.groups.Load())[0].alerting()[0]
	r.waiting = map[alert.Fingerprint]time.Time{1: t0, 2: t0}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	sample := &promql.Sample{F: 1}
	fresh := []found{{fp: 1, sample: sample}, {fp: 3, sample: sample}}
	admitted, _, err := r.admit(ctx, fresh, input{ts: t0.Add(time.Minute)}, true)
	if len(admitted) > 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d admitted, error %v", len(admitted), err)
	}
	if diff := cmp.Diff(map[alert.Fingerprint]time.Time{1: t0}, r.waiting); diff != "" {
		t.Errorf("waiting (-want +got):\n%s", diff)
	}
}

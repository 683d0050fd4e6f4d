package engine

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/rules"
)

func TestCoverage(t *testing.T) {
	at := func(m int) time.Time { return t0.Add(time.Duration(m) * time.Minute) }
	for _, tc := range []struct {
		name   string
		seen   []int // minutes
		window time.Duration
		whole  bool
		upTo   time.Time
	}{
		{"nothing seen before", []int{0}, time.Hour, true, time.Time{}},
		{"no gap", []int{0, 1, 2, 3}, time.Hour, true, time.Time{}},
		{"a gap in the window", []int{0, 1, 8, 9}, 10 * time.Minute, false, at(8)},
		{"a gap that the window has left", []int{0, 1, 8, 9, 10, 11, 12}, 4 * time.Minute, true, time.Time{}},
		{"a gap at the window's begin", []int{0, 1, 8, 9, 10, 11, 12}, 5 * time.Minute, false, at(8)},
		{"a small gap", []int{0, 1, 2, 5, 6, 7}, time.Hour, true, at(5)},
		{"many small gaps", []int{0, 1, 4, 5, 8, 9, 12}, 12 * time.Minute, false, at(12)},
		{"no window", []int{0, 1, 60}, 0, true, time.Time{}},
		{"the clock went back", []int{60, 61, 3, 4}, 10 * time.Minute, false, at(3)},
		{"the clock went back a while ago", []int{60, 61, 3, 4, 5, 6, 7, 8}, 5 * time.Minute, true, time.Time{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var c coverage
			for _, m := range tc.seen {
				c = c.seen(at(m), time.Minute)
			}
			whole, upTo := c.complete(c.last, tc.window)
			if whole != tc.whole || !upTo.Equal(tc.upTo) {
				t.Errorf("complete = %v up to %v, want %v up to %v; gaps %v", whole, upTo, tc.whole, tc.upTo, c.gaps)
			}
		})
	}
}

// TestCoverageIsBounded: a target that answers now and then costs no memory.
func TestCoverageIsBounded(t *testing.T) {
	var c coverage
	for i := range 10 * maxGaps {
		c = c.seen(t0.Add(time.Duration(i)*10*time.Second), time.Second)
	}
	if len(c.gaps) > maxGaps {
		t.Errorf("%d gaps are remembered, want %d at most", len(c.gaps), maxGaps)
	}
	c = c.seen(t0.AddDate(1, 0, 0), time.Second)
	if len(c.gaps) != 1 {
		t.Errorf("%d gaps are remembered a year later, want the one of that year", len(c.gaps))
	}
}

func TestReach(t *testing.T) {
	for expr, want := range map[string]time.Duration{
		"x":                               0,
		"1":                               0,
		"rate(x[5m])":                     5 * time.Minute,
		"x offset 1h":                     time.Hour,
		"x offset -1h":                    0,
		"rate(x[5m] offset 10m) > y":      15 * time.Minute,
		"max_over_time(rate(x[5m])[1h:])": 65 * time.Minute,
		"rate(x[1h] @ 1700000000)":        0,
		"rate(x[1h] @ end())":             0,
		"sum(rate(a[1m])) / sum(rate(b[2m] offset 1m))": 3 * time.Minute,
		// through recording rules: r5 is a rate over 5 m, rr reads r5
		"r5":                      5 * time.Minute,
		"avg_over_time(rr[10m])":  15 * time.Minute,
		`{__name__=~"r."}`:        5 * time.Minute,  // not rare
		`{job="x"}`:               21 * time.Minute, // may be any of them
		"loop":                    0,
		"rare":                    21 * time.Minute, // and at most as long ago as its interval and offset
		"avg_over_time(loop[2m])": 2 * time.Minute,
	} {
		t.Run(expr, func(t *testing.T) {
			f := rules.Parse("rules.yml", []byte(`groups: [{name: g, rules: [
				{record: r5, expr: "rate(x[5m])"}, {record: rr, expr: r5 * 2}, {record: loop, expr: loop + 1}]},
				{name: slow, interval: 10m, query_offset: 1m, rules: [{record: rare, expr: "rate(x[10m])"}]}]`))
			if len(f.Problems) > 0 {
				t.Fatal(f.Problems)
			}
			p, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
			if err != nil {
				t.Fatal(err)
			}
			e := New(Options{})
			g, slow := e.newGroup(f.Groups[0]), e.newGroup(f.Groups[1])
			a := &alertingRule{ruleBase: ruleBase{rule: &rules.Rule{Alert: "A", Expr: p}}, engine: e}
			g.rules = append(g.rules, a)
			trace([]*group{g, slow})
			if a.origin.window != want {
				t.Errorf("window %v, want %v", a.origin.window, want)
			}
		})
	}
}

// TestWindowIsHeldUntilItIsFull: after a pause, an alert over a window that is not
// full does not end, and one that began after it does.
func TestWindowIsHeldUntilItIsFull(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, rules: [{alert: A, expr: "count_over_time(x[5m]) > 10"}, {alert: New, expr: y > 0}, {alert: NewWindow, expr: "max_over_time(z[1m]) > 0", for: 1h}]}]`)
	at, n := t0, 0
	tick := func(samples ...string) []string {
		b.put(at, samples...)
		sent := b.tick(at, true)
		at, n = at.Add(step15), n+1
		return sent
	}
	for range 12 {
		tick("x 1")
	}
	at = at.Add(20 * time.Minute)
	resume := at
	if sent := tick("x 1", "y 1", "z 1"); len(sent) > 2 {
		t.Errorf("sent %v after the pause", sent)
	}
	if a := b.rule(0).Alerts[0]; a.State != alert.Firing || a.HeldSince.IsZero() {
		t.Fatalf("alert %+v after the pause, want it held", a)
	}
	if got := b.series("ALERTS_HELD", resume); len(got) != 1 {
		t.Errorf("ALERTS_HELD = %v, want one", got)
	}
	tick("x 1", "y 0", "z 0")
	if got := b.states()["New"]; got != "" {
		t.Errorf("an alert that began after the pause is %s though it ended", got)
	}
	for at.Sub(resume) < 4*time.Minute {
		tick("x stale", "z 0")
	}
	if a := b.rule(0).Alerts[0]; a.State != alert.Firing {
		t.Fatalf("alert %+v while its window is not full, want it held", a)
	}
	if got := b.states()["NewWindow"]; got != "" {
		t.Errorf("NewWindow is %s: the window of what came after the pause counts", got)
	}
	for at.Sub(resume) < 6*time.Minute {
		tick("x 1")
	}
	if a := b.rule(0).Alerts[0]; a.State != alert.Inactive {
		t.Errorf("alert %+v once its window is full, want it resolved", a)
	}
	if got := b.series("ALERTS_HELD", at.Add(-step15)); len(got) != 0 {
		t.Errorf("ALERTS_HELD = %v when nothing is held", got)
	}
}

// TestFailingSourceIsNoEvidence: an alert over what another group records is held
// while that fails, also when the last of it is out of sight.
func TestFailingSourceIsNoEvidence(t *testing.T) {
	b := newBench(t, nil)
	b.load(`
groups:
  - {name: a, rules: [{record: r, expr: x, labels: {k: same}}, {record: rr, expr: r}]}
  - {name: b, rules: [{alert: A, expr: rr > 0}]}
`)
	b.put(t0, `x{k="1"} 1`)
	b.tick(t0, true)
	at := t0
	for range 40 { // ten minutes: twice the lookback
		at = at.Add(step15)
		b.put(at, `x{k="1"} 0`, `x{k="2"} 0`)
		for _, s := range b.tick(at, true) {
			if s != `firing {alertname="A", k="same"}` {
				t.Fatalf("%v: sent %s", at.Sub(t0), s)
			}
		}
	}
	at = at.Add(step15)
	b.put(at, `x{k="1"} 0`, `x{k="2"} stale`)
	expect(t, "sent when it works again", b.tick(at, true), `resolved {alertname="A", k="same"}`)
}

// TestSourceOfAFailedScrapeIsNoEvidence: a slow group recorded nothing, as the
// scrape of its turn failed; the scrape of a faster group's turn does not know.
func TestSourceOfAFailedScrapeIsNoEvidence(t *testing.T) {
	b := newBench(t, nil)
	b.load(`
groups:
  - {name: slow, interval: 1m, rules: [{record: r, expr: x}]}
  - {name: fast, rules: [{alert: A, expr: r > 0}]}
`)
	at := t0
	tick := func(up bool) []string {
		v := "x 1"
		if !up {
			v = "x stale"
		}
		b.put(at, v)
		sent := b.tick(at, up)
		at = at.Add(step15)
		return sent
	}
	expect(t, "sent", tick(true), `firing {alertname="A"}`)
	for range 3 {
		tick(true)
	}
	tick(false) // the slow group's turn
	for range 4 {
		for _, s := range tick(true) {
			if s != `firing {alertname="A"}` {
				t.Fatalf("sent %s", s)
			}
		}
	}
	if got := b.states()["A"]; got != "firing" {
		t.Errorf("A is %q, want firing", got)
	}
}

// TestOffsetAndGap: with a query_offset, an alert that began after a failed scrape
// sees the data of that scrape later, which is as little evidence then.
func TestOffsetAndGap(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, query_offset: 1m, rules: [{alert: A, expr: x > 0}]}]`)
	var sent []string
	for i := range 20 {
		at, v := t0.Add(time.Duration(i)*step15), "x 1"
		switch {
		case i < 5:
			v = "x 0"
		case i == 8:
			v = "x stale"
		}
		b.put(at, v)
		sent = append(sent, b.tick(at, i != 8)...)
	}
	for _, s := range sent {
		if s != `firing {alertname="A"}` {
			t.Errorf("sent %s over one failed scrape", s)
		}
	}
	if len(sent) == 0 || b.states()["A"] != "firing" {
		t.Errorf("sent %v, want the alert firing", sent)
	}
}

package engine

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/rules"
)

func (b *workbench) only(content string) {
	f := rules.Parse("rules.yml", []byte(content))
	if len(f.Problems) > 0 {
		b.t.Fatal(f.Problems)
	}
	b.Load(f.Groups, true)
}

func (b *workbench) taken() []alert.Notification {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sent
	b.sent = nil
	return s
}

func (b *workbench) recs() (rs []alert.Record) {
	for k, a := range b.journal {
		rs = append(rs, alert.Record{Rule: k.Rule, Alert: a})
	}
	return rs
}

type switchable struct {
	at atomic.Pointer[teststorage.TestStorage]
}

func (s *switchable) Querier(a, z int64) (storage.Querier, error) {
	if d := s.at.Load(); d != nil {
		return d.Querier(a, z)
	}
	return nil, errors.New("not ready")
}

func (s *switchable) AppenderV2(ctx context.Context) storage.AppenderV2 {
	for {
		if d := s.at.Load(); d != nil {
			return d.AppenderV2(ctx)
		}
		time.Sleep(time.Second)
	}
}

// TestWaitingIsNoOlderForAPause: an alert that waits for room counts no pause either.
func TestWaitingIsNoOlderForAPause(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, limit: 1, rules: [{alert: A, expr: x > 0, for: 5m}]}]`)
	b.put(t0, `x{k="1"} 1`)
	b.tick(t0, true)
	at := t0.Add(step15)
	b.put(at, `x{k="1"} 1`, `x{k="2"} 1`)
	b.tick(at, true)
	for _, g := range *b.groups.Load() {
		g.paused = true
	}
	at = at.Add(time.Hour)
	b.put(at, `x{k="1"} 0`, `x{k="2"} 1`)
	if got := b.tick(at, true); len(got) > 0 {
		t.Errorf("sent %v: k=2 was seen for 15 s of its 5m", got)
	}
}

// TestWaitingIsNoOlderForASleep: nor a sleep of the machine.
func TestWaitingIsNoOlderForASleep(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, limit: 1, rules: [{alert: A, expr: x > 0, for: 5m}]}]`)
	b.put(t0, `x{k="1"} 1`)
	b.tick(t0, true)
	at := t0.Add(step15)
	b.put(at, `x{k="1"} 1`, `x{k="2"} 1`)
	b.tick(at, true)
	at = at.Add(time.Hour)
	b.put(at, `x{k="1"} 0`, `x{k="2"} 1`)
	b.sent = nil
	b.Step(t.Context(), Tick{At: at, Up: true, Slept: time.Hour - step15})
	if len(b.sent) > 0 {
		t.Errorf("sent %v: k=2 was seen for 15 s of its 5m", b.sent)
	}
}

// TestReloadFollowsTheClock: a group that was not due when the clock jumped follows
// it after a reload too.
func TestReloadFollowsTheClock(t *testing.T) {
	for _, tick := range []Tick{{Stepped: time.Hour}, {Slept: time.Hour}} {
		b := newBench(t, nil)
		const rule = `groups: [{name: g, interval: 1m, rules: [{alert: A, expr: x > 0, for: 30m}]}, {name: h, rules: [{record: r, expr: x}]}]`
		b.load(rule)
		b.put(t0, "x 1")
		b.tick(t0, true)
		// the step comes with a tick at which g is not due (as follow does by due(), Step by interval)
		tick.At, tick.Up = t0.Add(time.Hour+step15), true
		b.put(tick.At, "x 1")
		b.observe(tick)
		b.load(rule)
		b.sent = nil
		b.Step(t.Context(), tick)
		if len(b.sent) > 0 {
			t.Errorf("%+v: sent %v after 15 s of 30m", tick, b.sent)
		}
	}
}

// TestStopAfterASleep: what the last evaluation did not see counts for nothing in
// the journal either.
func TestStopAfterASleep(t *testing.T) {
	b := newBench(t, nil)
	const rule = `groups: [{name: g, rules: [{alert: A, expr: x > 0, for: 30m}]}]`
	b.load(rule)
	b.put(t0, "x 1")
	b.tick(t0, true)
	at := t0.Add(8 * time.Hour) // woken, and stopped before the next scrape
	if err := b.Pause(at); err != nil {
		t.Fatal(err)
	}
	n := newBench(t, func(o *Options) { o.Queryable, o.Appendable = b.db, b.db })
	n.Restore(b.recs(), at, at.Add(time.Minute))
	n.load(rule)
	at = at.Add(time.Minute)
	b.put(at, "x 1")
	if got := n.tick(at, true); len(got) > 0 {
		t.Errorf("sent %v after 15 s of 30m", got)
	}
}

// TestHungProcessCountsNothing: a process that was frozen looked at nothing.
func TestHungProcessCountsNothing(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0, for: 30m}]}]`)
	b.put(t0, "x 1")
	b.tick(t0, true)
	at := t0.Add(time.Hour)
	b.put(at, "x 1")
	if got := b.tick(at, true); len(got) > 0 {
		t.Errorf("sent %v: nobody looked for an hour", got)
	}
}

// TestSlotAfterASleepWaitsForAScrape: what storage has is of before the sleep.
func TestSlotAfterASleepWaitsForAScrape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slept atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }
		b := newBench(t, func(o *Options) {
			o.Now = func() Tick { return Tick{At: now(), Slept: time.Duration(slept.Load())} }
			o.ScrapeInterval = 15 * time.Second
		})
		b.only(`groups: [{name: g, interval: 5s, rules: [{alert: A, expr: x > 0}, {alert: Gone, expr: absent(x)}]}]`)
		ctx, cancel := context.WithCancel(t.Context())
		b.Begin()
		done := make(chan struct{})
		go func() { defer close(done); _ = b.Run(ctx) }()
		for range 4 {
			b.put(now(), "x 1")
			b.Tick(Tick{At: now(), Up: true})
			time.Sleep(15 * time.Second)
		}
		synctest.Wait()
		if got := b.states()["A"]; got != "firing" {
			t.Fatal(got)
		}
		b.taken()
		// right after a scrape the machine sleeps 8 h: neither timers nor Mono run
		b.put(now(), "x 1")
		b.Tick(Tick{At: now(), Up: true})
		time.Sleep(time.Second)
		slept.Add(int64(8 * time.Hour))
		time.Sleep(13 * time.Second) // the next scrape is due in 14 s
		synctest.Wait()
		for _, n := range b.taken() {
			t.Errorf("before the first scrape after the sleep: resolved=%v %v", n.Resolved, n.Labels)
		}
		cancel()
		<-done
	})
}

// TestReloadBeforeTheFirstScrape: a tick from before a pause is no news after it.
func TestReloadBeforeTheFirstScrape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		const rule = `groups: [{name: g, interval: 1m, rules: [{alert: A, expr: x > 0, for: 30m}]}]`
		b.only(rule)
		ctx, cancel := context.WithCancel(t.Context())
		b.Begin()
		done := make(chan struct{})
		go func() { defer close(done); _ = b.Run(ctx) }()
		for range 3 { // the last tick is one at which g is not due
			b.put(time.Now(), "x 1")
			b.Tick(Tick{At: time.Now(), Up: true})
			time.Sleep(15 * time.Second)
		}
		cancel()
		<-done
		_ = b.Pause(time.Now())
		time.Sleep(time.Hour)
		b.taken()
		ctx, cancel = context.WithCancel(t.Context())
		b.Begin()
		done = make(chan struct{})
		go func() { defer close(done); _ = b.Run(ctx) }()
		b.only(strings.Replace(rule, "name: g,", "name: g2,", 1)) // the rule file is written while the first scrape waits for its target
		synctest.Wait()
		time.Sleep(5 * time.Second)
		b.put(time.Now(), "x 1")
		b.Tick(Tick{At: time.Now(), Up: true})
		time.Sleep(time.Second)
		synctest.Wait()
		for _, n := range b.taken() {
			t.Errorf("fires after 45 s of 30 m: %v", n)
		}
		cancel()
		<-done
	})
}

// TestSlotBetweenRewindAndScrape: a clock that was set back has emptied storage;
// the scrape is still to come.
func TestSlotBetweenRewindAndScrape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var off atomic.Int64
		off.Store(int64(time.Hour)) // the clock is an hour ahead
		now := func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
		b := newBench(t, func(o *Options) {
			o.Now = func() Tick { return Tick{At: now(), Stepped: time.Duration(off.Load()) - time.Hour} }
			o.ScrapeInterval = 15 * time.Second
		})
		b.only(`groups: [{name: g, interval: 5s, rules: [{alert: A, expr: x > 0}]}]`)
		ctx, cancel := context.WithCancel(t.Context())
		b.Begin()
		done := make(chan struct{})
		go func() { defer close(done); _ = b.Run(ctx) }()
		for range 4 {
			b.put(now(), "x 1")
			b.Tick(Tick{At: now(), Up: true})
			time.Sleep(15 * time.Second)
		}
		synctest.Wait()
		if got := b.states()["A"]; got != "firing" {
			t.Fatal(got)
		}
		b.taken()
		off.Store(0)                 // the scrape begins: Advance says Rewound, CutOver has been done
		time.Sleep(12 * time.Second) // the target takes 12 s to answer
		synctest.Wait()
		for _, n := range b.taken() {
			t.Errorf("while the first scrape after the step is under way: resolved=%v %v", n.Resolved, n.Labels)
		}
		cancel()
		<-done
	})
}

// TestPauseIsClosedOnce: an evaluation that was cut off has closed the pause before
// it.
func TestPauseIsClosedOnce(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0, for: 30m}]}]`)
	at := t0
	for range 80 { // 20 minutes
		b.put(at, "x 1")
		b.tick(at, true)
		at = at.Add(step15)
	}
	g := (*b.groups.Load())[0]
	pause := func() {
		g.paused = true
		if err := b.Pause(at); err != nil {
			t.Fatal(err)
		}
	}
	pause()
	at = at.Add(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g.eval(ctx, Tick{At: at, Up: true}) // cut off
	pause()
	at = at.Add(step15)
	b.put(at, "x 1")
	b.tick(at, true)
	a := b.rule(0).Alerts[0]
	t.Logf("pending for %s", at.Sub(a.ActiveAt))
	if at.Sub(a.ActiveAt) < 15*time.Minute {
		t.Errorf("pending for %s, want 20 m: the progress of its for is lost", at.Sub(a.ActiveAt))
	}
}

// TestNoScrapeWhileTheClockIsFollowed: nothing is evaluated in a time that no scrape was
// in.
func TestNoScrapeWhileTheClockIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var off atomic.Int64
		off.Store(int64(2 * time.Hour))
		now := func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
		sw := &switchable{}
		b := newBench(t, func(o *Options) {
			o.Now = func() Tick { return Tick{At: now(), Stepped: time.Duration(off.Load()) - 2*time.Hour} }
			o.ScrapeInterval = 15 * time.Second
			sw.at.Store(o.Queryable.(*teststorage.TestStorage))
			o.Queryable, o.Plan = sw, nil // the plan would keep what storage loses
			o.Appendable = sw
		})
		b.only(`groups: [{name: g, rules: [{alert: W, expr: "count_over_time(x[5m]) > 10"}, {alert: P, expr: y > 0, for: 30m}]}]`)
		ctx, cancel := context.WithCancel(t.Context())
		b.Begin()
		done := make(chan struct{})
		go func() { defer close(done); _ = b.Run(ctx) }()
		for range 20 {
			b.put(now(), "x 1", "y 1")
			b.Tick(Tick{At: now(), Up: true})
			time.Sleep(15 * time.Second)
		}
		synctest.Wait()
		if got := b.states()["W"]; got != "firing" {
			t.Fatal(got)
		}
		b.taken()
		off.Store(0) // Advance has told, CutOver works for a minute
		sw.at.Store(nil)
		time.Sleep(time.Minute)
		b.db = teststorage.New(t)
		sw.at.Store(b.db)
		for range 2 {
			b.put(now(), "x 1", "y 1")
			b.Tick(Tick{At: now(), Up: true, Stepped: -2 * time.Hour})
			time.Sleep(15 * time.Second)
		}
		synctest.Wait()
		for _, n := range b.taken() {
			if n.Resolved || n.Labels.Get("alertname") == "P" {
				t.Errorf("resolved=%v %v", n.Resolved, n.Labels)
			}
		}
		for _, r := range b.Snapshot().Groups[0].Rules {
			for _, a := range r.Alerts {
				t.Logf("%s %v active for %s", r.Rule.Alert, a.State, now().Sub(a.ActiveAt))
			}
		}
		cancel()
		<-done
	})
}

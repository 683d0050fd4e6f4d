package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin/tocsin/alert"
)

// TestPauseIsRefreshed: while the process outlives a pause, what fires never runs out
// at the receivers, for as long as an alert may do without evidence; what is pending
// and what has ended is not touched.
func TestPauseIsRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(o *Options) {
			o.ResendDelay, o.PauseHold, o.HoldLimit = time.Minute, 5*time.Minute, time.Hour
		})
		b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0}, {alert: B, expr: y > 0, for: 1h}, {alert: C, expr: z > 0}]}]`)
		start := time.Now()
		b.put(start, "x 1", "y 1", "z 1")
		b.tick(start, true)
		b.put(start.Add(step15), "x 1", "y 1", "z 0") // C has ended
		b.tick(start.Add(step15), true)
		time.Sleep(20 * time.Second)
		b.sent = nil
		if err := b.Pause(time.Now()); err != nil {
			t.Fatal(err)
		}
		will, journal := b.sent, len(b.journal)
		if len(will) != 1 {
			t.Fatalf("last will %v, want A alone", will)
		}

		ctx, end := context.WithCancel(t.Context())
		over := make(chan time.Time, 1)
		go func() { b.Remain(ctx); over <- time.Now() }()
		paused, covered := time.Now(), will[0].EndsAt
		for minute := 1; minute < 60; minute++ {
			b.mu.Lock()
			b.sent = nil
			b.mu.Unlock()
			time.Sleep(paused.Add(time.Duration(minute)*time.Minute + time.Second).Sub(time.Now()))
			synctest.Wait()
			b.mu.Lock()
			got := b.sent
			b.mu.Unlock()
			if len(got) != 1 || got[0].Labels.Get("alertname") != "A" || got[0].Resolved || !got[0].StartsAt.Equal(start) {
				t.Fatalf("minute %d: sent %v, want A firing since %s", minute, got, start)
			}
			if time.Now().After(covered) {
				t.Errorf("minute %d: it ran out at %s", minute, covered)
			}
			covered = got[0].EndsAt
			if want := paused.Add(time.Duration(minute)*time.Minute + 5*time.Minute); !covered.Equal(want) {
				t.Errorf("minute %d: ends at %s, want %s", minute, covered, want)
			}
		}
		if got := b.rule(0).Alerts[0].ValidUntil; !got.Equal(covered) {
			t.Errorf("readers see that it is valid until %s, want %s", got, covered)
		}
		select {
		case <-over:
			t.Error("it ended too early")
		default:
		}
		time.Sleep(time.Hour)
		if at := <-over; at.Sub(paused) != time.Hour {
			t.Errorf("it refreshed for %s, want HoldLimit", at.Sub(paused))
		}
		if len(b.journal) != journal {
			t.Errorf("the journal has changed: %v", b.journal)
		}
		end()
		testGoesOn(t, b)
	})
}

// testGoesOn: after the pause all is as it was, and its time counts for no `for`.
func testGoesOn(t *testing.T, b *workbench) {
	at := time.Now()
	for _, g := range *b.groups.Load() {
		g.paused = true // as Run leaves it
	}
	b.put(at, "x 0", "y 1", "z 0")
	expect(t, "sent after the pause", b.tick(at, true), `resolved {alertname="A"}`)
	if a := b.rule(1).Alerts; len(a) != 1 || a[0].State != alert.Pending || at.Sub(a[0].ActiveAt) > time.Minute {
		t.Errorf("B after the pause: %v, want it pending for less than a minute at %s", a, at)
	}
}

// TestPauseThatEndsIsNotRefreshed: nothing is sent once the session goes on.
func TestPauseThatEndsIsNotRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(o *Options) { o.ResendDelay = time.Minute })
		b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0}]}]`)
		b.put(time.Now(), "x 1")
		b.tick(time.Now(), true)
		if err := b.Pause(time.Now()); err != nil {
			t.Fatal(err)
		}
		b.sent = nil
		ctx, end := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { b.Remain(ctx); close(over) }()
		time.Sleep(59 * time.Second)
		end()
		<-over
		time.Sleep(time.Hour)
		if len(b.sent) > 0 {
			t.Errorf("sent %v after its end", b.sent)
		}
	})
}

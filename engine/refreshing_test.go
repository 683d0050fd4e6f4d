package engine

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin/tocsin/alert"
)

// identities are those of many hosts, as sites number them.
func identities(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("edge-%05d", i)
	}
	return ids
}

// identified is as much of a host's engine as time is spread by.
func identified(id string) *Engine {
	return &Engine{opts: Options{ResendDelay: time.Minute, Identity: func() string { return id }}}
}

// expectSpread checks that as many phases as there are identities lie evenly within a
// period: chance alone makes no sixtieth of it half as full again as the others.
func expectSpread(t *testing.T, what string, phases []time.Duration, period time.Duration) {
	t.Helper()
	const bins = 60
	var count [bins]int
	for _, p := range phases {
		if p < 0 || p >= period {
			t.Fatalf("%s: a phase of %s, want it within %s", what, p, period)
		}
		count[p*bins/period]++
	}
	mean := len(phases) / bins
	for i, n := range count {
		if n < mean/2 || n > mean+mean/2 {
			t.Errorf("%s: %d of %d in bin %d, want about %d", what, n, len(phases), i, mean)
		}
	}
}

// TestRefreshesAreSpread: hosts whose alerts began at the same moment tell them again at
// moments that are spread over the delay, each a delay after the other, and the first
// one or two delays after the news, well before they run out at the receivers.
func TestRefreshesAreSpread(t *testing.T) {
	const delay, rounds = time.Minute, 5
	var phases []time.Duration
	for _, id := range identities(6000) {
		again := identified(id).refreshing()
		a := alert.Alert{State: alert.Firing, FiredAt: t0, LastSentAt: t0}
		var sent []time.Time
		for ts := t0.Add(time.Second); len(sent) < rounds; ts = ts.Add(time.Second) {
			if needsSending(&a, ts, again) {
				a.LastSentAt = ts
				sent = append(sent, ts)
				again = identified(id).refreshing() // the process has restarted
			}
		}
		if first := sent[0].Sub(t0); first <= delay || first > 2*delay {
			t.Fatalf("%s: the first refresh comes %s after the news", id, first)
		}
		for i := range sent[1:] {
			if apart := sent[i+1].Sub(sent[i]); apart != delay {
				t.Fatalf("%s: refreshes are %s apart", id, apart)
			}
		}
		if got := again.first(t0).Add(time.Second - 1).Truncate(time.Second); !got.Equal(sent[0]) {
			t.Fatalf("%s: without evaluations the first refresh is at %s, with them at %s", id, got, sent[0])
		}
		phases = append(phases, sent[0].Sub(t0)-delay-1)
	}
	expectSpread(t, "refreshes", phases, delay)
}

// TestEndsAreRefreshedInRounds: what has ended is told again in the same rounds.
func TestEndsAreRefreshedInRounds(t *testing.T) {
	again := identified("edge").refreshing()
	begin := again.round(t0).Add(10 * time.Second)
	a := alert.Alert{State: alert.Inactive, FiredAt: begin.Add(-time.Hour), ResolvedAt: begin, LastSentAt: begin}
	for _, tc := range []struct {
		after time.Duration
		want  bool
	}{{50 * time.Second, false}, {109 * time.Second, false}, {110 * time.Second, true}} {
		if got := needsSending(&a, begin.Add(tc.after), again); got != tc.want {
			t.Errorf("%s after the end: %v, want %v", tc.after, got, tc.want)
		}
	}
	a.LastSentAt = time.Time{} // a clock that went back: nobody knows when
	if !needsSending(&a, begin, again) {
		t.Error("what was sent at no known time is not sent again")
	}
}

// TestSlotsAreSpread: a group that keeps its own time does so at another moment on each
// host, and at the same after each restart.
func TestSlotsAreSpread(t *testing.T) {
	const interval = 20 * time.Second
	slot := func(id string) time.Duration {
		g := &group{engine: identified(id), interval: interval}
		g.File, g.Name = "rules.yml", "g"
		return g.nextSlot(t0).Sub(t0) - 1
	}
	var phases []time.Duration
	for _, id := range identities(6000) {
		phases = append(phases, slot(id))
		if again := slot(id); again != phases[len(phases)-1] {
			t.Fatalf("%s: its slot is %s, and %s after a restart", id, phases[len(phases)-1], again)
		}
	}
	expectSpread(t, "slots", phases, interval)
	if got, want := slot(""), nextSlot(t0, interval, "rules.yml;g").Sub(t0)-1; got != want {
		t.Errorf("without an identity the slot is %s, want %s", got, want)
	}
}

// TestRefreshesOfAHostGoTogether: alerts that began at different moments are told again
// by one evaluation, as soon as all are old enough.
func TestRefreshesOfAHostGoTogether(t *testing.T) {
	b := newBench(t, func(o *Options) {
		o.ResendDelay, o.Identity = time.Minute, func() string { return "edge" }
	})
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0}, {alert: B, expr: y > 0}]}]`)
	at := t0
	for i := range 20 {
		b.put(at, "x 1", fmt.Sprintf("y %d", min(i, 1)))
		got := b.tick(at, true)
		switch a, b := `firing {alertname="A"}`, `firing {alertname="B"}`; {
		case i == 0:
			expect(t, "A begins", got, a)
		case i == 1:
			expect(t, "B begins", got, b)
		case i > 9 && len(got) > 0:
			expect(t, "a round", got, a, b)
		}
		at = at.Add(step15)
	}
}

// TestPauseIsRefreshedInRounds: so is what fires while the process outlives a pause.
func TestPauseIsRefreshedInRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const delay = time.Minute
		b := newBench(t, func(o *Options) {
			o.ResendDelay, o.HoldLimit, o.Identity = delay, time.Hour, func() string { return "edge" }
		})
		b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0}]}]`)
		b.put(time.Now(), "x 1")
		b.tick(time.Now(), true)
		paused := time.Now()
		if err := b.Pause(paused); err != nil {
			t.Fatal(err)
		}
		b.sent = nil
		ctx, end := context.WithTimeout(t.Context(), 10*time.Minute)
		defer end()
		b.Remain(ctx)
		if n := len(b.sent); n < 8 || n > 9 {
			t.Fatalf("%d refreshes in ten minutes", n)
		}
		want := b.refreshing().first(paused)
		if first := want.Sub(paused); first <= delay || first > 2*delay {
			t.Errorf("the first refresh comes %s after the last will", first)
		}
		for i, n := range b.sent {
			if got := n.EndsAt.Add(-DefaultPauseHold); !got.Equal(want) {
				t.Errorf("refresh %d at %s, want %s", i, got, want)
			}
			want = want.Add(delay)
		}
	})
}

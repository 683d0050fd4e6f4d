package engine

import (
	"testing"
	"time"

	"github.com/tocsin/tocsin/alert"
)

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// TestStep walks one alert through evaluations 15 s apart. Each letter is one:
// s: the expression returned it; n: it did not; u: it did not, and that means
// nothing. The states after them: - forgotten, i inactive, p pending, f firing,
// h held as it was.
func TestStep(t *testing.T) {
	for _, tc := range []struct {
		name             string
		hold, keep, held time.Duration
		in, want         string
	}{
		{"fires at once", 0, 0, time.Hour, "sssn", "fffi"},
		{"waits for its for", 30 * time.Second, 0, time.Hour, "sssss", "ppfff"},
		{"pending that ends is forgotten", time.Minute, 0, time.Hour, "ssn", "pp-"},
		{"resolved is kept for a while", 0, 0, time.Hour, "snnn", "fiii"},
		{"keep_firing_for", 0, 30 * time.Second, time.Hour, "snnnn", "fffii"},
		{"keep_firing_for starts again", 0, 30 * time.Second, time.Hour, "snsnnn", "fffffi"},
		{"held without evidence", 0, 0, time.Hour, "suuun", "fhhhi"},
		{"pending is held, and neither fires nor ends", 30 * time.Second, 0, time.Hour, "suuuuss", "phhhhpf"},
		{"held no longer than the limit", 0, 0, 30 * time.Second, "suuuu", "fhhii"},
		{"hold begins anew after evidence", 0, 0, 30 * time.Second, "suusuuu", "fhhfhhi"},
		{"keep_firing_for does not run while held", 0, 30 * time.Second, time.Hour, "suuuunnn", "fhhhhffi"},
		{"held time counts for no keep_firing_for", 0, 45 * time.Second, time.Hour, "snuuuunnn", "ffhhhhffi"},
		{"no hold follows keep_firing_for", 0, 30 * time.Second, 30 * time.Second, "suuuuuu", "fhhhhii"},
		{"held at its limit, then evidence", 0, 30 * time.Second, 30 * time.Second, "suuunn", "fhhhfi"},
		{"held within keep_firing_for, to the limit", 0, 45 * time.Second, 30 * time.Second, "snuuuuuu", "ffhhhhii"},
		{"inactive is not held", 0, 0, time.Hour, "snuu", "fiii"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := &alert.Alert{State: alert.Pending, ActiveAt: t0}
			got := ""
			for i, c := range tc.in {
				keep := step(a, observation{
					ts: t0.Add(time.Duration(i) * 15 * time.Second), seen: c == 's', evidence: c != 'u',
					hold: tc.hold, keepFiring: tc.keep, holdLimit: tc.held,
				})
				switch {
				case !keep:
					got += "-"
				case !a.HeldSince.IsZero():
					got += "h"
				default:
					got += a.State.String()[:1]
				}
			}
			if got != tc.want {
				t.Errorf("%s gives %s, want %s", tc.in, got, tc.want)
			}
		})
	}
}

func TestResolvedIsForgottenAfterRetention(t *testing.T) {
	a := &alert.Alert{State: alert.Inactive, ResolvedAt: t0}
	none := observation{evidence: true}
	if none.ts = t0.Add(resolvedRetention); !step(a, none) {
		t.Error("forgotten at the end of the retention, want after it")
	}
	if none.ts = t0.Add(resolvedRetention + 1); step(a, none) {
		t.Error("kept beyond the retention")
	}
}

func TestLongerForMakesFiringPendingAgain(t *testing.T) {
	a := &alert.Alert{State: alert.Firing, ActiveAt: t0, FiredAt: t0, LastSentAt: t0}
	step(a, observation{ts: t0.Add(time.Minute), seen: true, evidence: true, hold: time.Hour})
	if a.State != alert.Pending || !a.FiredAt.IsZero() || !a.LastSentAt.IsZero() || !a.ActiveAt.Equal(t0) {
		t.Errorf("got %+v, want pending since %v and never sent", a, t0)
	}
}

func TestNeedsSending(t *testing.T) {
	const delay = time.Minute
	for _, tc := range []struct {
		name string
		a    alert.Alert
		at   time.Time
		want bool
	}{
		{"pending", alert.Alert{State: alert.Pending}, t0, false},
		{"firing, never sent", alert.Alert{State: alert.Firing}, t0, true},
		{"firing, sent just now", alert.Alert{State: alert.Firing, LastSentAt: t0}, t0.Add(delay), false},
		{"firing, sent long ago", alert.Alert{State: alert.Firing, LastSentAt: t0}, t0.Add(delay + 1), true},
		{"resolved since", alert.Alert{LastSentAt: t0, ResolvedAt: t0.Add(1)}, t0.Add(1), true},
		{"resolved and sent", alert.Alert{LastSentAt: t0, ResolvedAt: t0}, t0.Add(1), false},
		{"resolved and sent long ago", alert.Alert{LastSentAt: t0, ResolvedAt: t0}, t0.Add(delay + 1), true},
	} {
		if got := needsSending(&tc.a, tc.at, refreshing{delay: delay}); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestDue(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	for _, tc := range []struct {
		name                    string
		since, interval, scrape time.Duration
		want                    bool
	}{
		{"next scrape", 15 * s, 15 * s, 15 * s, true},
		{"early by a little", 15*s - 40*ms, 15 * s, 15 * s, true},
		{"the same scrape", 0, 15 * s, 15 * s, false},
		{"one of four", 15 * s, 60 * s, 15 * s, false},
		{"three of four", 45 * s, 60 * s, 15 * s, false},
		{"four of four, early", 60*s - 40*ms, 60 * s, 15 * s, true},
		{"clock a little back", -s, 15 * s, 15 * s, false},
		{"clock far back", -time.Hour, 15 * s, 15 * s, true},
	} {
		if got := due(t0.Add(tc.since), t0, tc.interval, tc.scrape); got != tc.want {
			t.Errorf("%s: due = %v, want %v", tc.name, got, tc.want)
		}
	}
	if !due(t0, time.Time{}, time.Hour, 15*s) {
		t.Error("the first scrape is not due")
	}
}

func TestNextSlot(t *testing.T) {
	const interval = 7 * time.Second
	at := nextSlot(t0, interval, "a")
	if at.Sub(t0) <= 0 || at.Sub(t0) > interval {
		t.Errorf("first slot %v after now, want within (0, %v]", at.Sub(t0), interval)
	}
	if next := nextSlot(at, interval, "a"); next.Sub(at) != interval {
		t.Errorf("slots are %v apart, want %v", next.Sub(at), interval)
	}
	if nextSlot(at.Add(-1), interval, "a") != at {
		t.Error("the slot is not stable")
	}
	if at.Equal(nextSlot(t0, interval, "b")) {
		t.Error("two groups share a slot")
	}
}

func TestFollows(t *testing.T) {
	for interval, want := range map[time.Duration]bool{15: true, 60: true, 10: false, 20: false, 5: false} {
		if got := follows(interval*time.Second, 15*time.Second); got != want {
			t.Errorf("follows(%v s) = %v, want %v", interval.Nanoseconds(), got, want)
		}
	}
}

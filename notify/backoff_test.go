package notify

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	const m = time.Minute
	for _, tc := range []struct {
		failures int
		longest  time.Duration
		r        float64
		want     time.Duration
	}{
		{1, m, 1, time.Second},
		{1, m, 0, 0},
		{2, m, 1, 8 * time.Second},
		{2, m, 0, 4 * time.Second},
		{3, m, 1, m},
		{3, m, 0.5, 45 * time.Second},
		{3, m, 0, 30 * time.Second},
		{4, m, 1, m},
		{1 << 40, m, 1, m},
		{4, time.Hour, 1, 512 * time.Second},
		{1, time.Millisecond, 1, time.Millisecond},
		{9, time.Millisecond, 1, time.Millisecond},
		{2, 10 * time.Second, 1, 8 * time.Second},
		{3, 10 * time.Second, 1, 10 * time.Second},
	} {
		if got := backoff(tc.failures, tc.longest, tc.r); got != tc.want {
			t.Errorf("backoff(%d, %s, %v) = %s, want %s", tc.failures, tc.longest, tc.r, got, tc.want)
		}
	}
}

// TestFleetComesBackEvenly: however long an Alertmanager was away, no second after its
// return brings three times the requests of the average one, up to a resend delay
// after the last host is back.
func TestFleetComesBackEvenly(t *testing.T) {
	const hosts, resend = 20_000, time.Minute
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, outage := range []time.Duration{5, 10, 20, 30, 40, 50, 60, 70, 90, 120, 600} {
		outage *= time.Second
		var requests []float64 // in each second after the return
		count := func(at time.Duration, n float64) {
			for int(at/time.Second) >= len(requests) {
				requests = append(requests, 0)
			}
			requests[at/time.Second] += n
		}
		last := time.Duration(0)
		for range hosts {
			sends := time.Duration(rnd.Float64() * float64(resend)) // for the first time in the outage
			at, failures := sends, 0
			for ; at < outage; at += backoff(failures, time.Minute, rnd.Float64()) {
				failures++
			}
			// A host that comes back asks who is there, and sends. One that has noticed
			// nothing sends, asks upon the new connection, and sends all again.
			first := 3.
			if failures > 0 {
				first = 2
			}
			count(at-outage, first)
			last = max(last, at-outage)
			for ; sends < outage+4*resend; sends += resend {
				if sends > at { // every other time it asks
					count(sends-outage, 1.5)
				}
			}
		}
		seconds := requests[:(last+resend)/time.Second]
		sum := 0.
		for _, n := range seconds {
			sum += n
		}
		if peak := slices.Max(seconds) * float64(len(seconds)) / sum; peak >= 3 {
			t.Errorf("outage of %s: %.2f times the mean", outage, peak)
		}
	}
}

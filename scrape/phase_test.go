package scrape

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// TestUntilPhase: the moment is the same whenever it is asked for, and others for
// others.
func TestUntilPhase(t *testing.T) {
	const interval = 15 * time.Second
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	quarters := [4]int{}
	for host := range 1000 {
		id := fmt.Sprintf("engine-%d", host)
		first := untilPhase(id, now, interval)
		if first < 0 || first >= interval {
			t.Fatalf("%s: phase %v of %v", id, first, interval)
		}
		for _, later := range []time.Duration{time.Millisecond, 7 * time.Second, time.Hour} {
			if got := untilPhase(id, now.Add(later), interval); (later + got - first + interval).Truncate(interval) != later+got-first+interval {
				t.Errorf("%s: %v after the moment that is %v ahead, it is %v ahead", id, later, first, got)
			}
		}
		quarters[first/(interval/4)]++
	}
	for i, n := range quarters {
		if math.Abs(float64(n)-250) > 60 { // four sigma and more
			t.Errorf("%d of 1000 hosts in quarter %d of the interval", n, i)
		}
	}
}

// TestScrapesMoveToThePhaseOfTheHost: the first scrape is at once; after it there is
// one at the host's moment, and then one every interval. None is missing, and series go
// on.
func TestScrapesMoveToThePhaseOfTheHost(t *testing.T) {
	t.Parallel()
	const interval = 2 * time.Second
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "x 1\n") })
	known := make(chan struct{})
	_, st, scraped := start(t, u, func(o *Options) {
		o.Interval = interval
		o.Identity = func() string {
			select {
			case <-known:
				return "host"
			default:
				return "" // as before the engine has told
			}
		}
	})
	// A period before the phase is known, and one after it.
	var times []time.Time
	for len(times) < 2 {
		times = append(times, (<-scraped).At)
	}
	close(known)
	for len(times) < 7 {
		times = append(times, (<-scraped).At)
	}
	const tolerance = interval / 4
	off := func(at time.Time) time.Duration {
		d := untilPhase("host", at, interval)
		return min(d, interval-d)
	}
	for i := 1; i < len(times); i++ {
		if gap := times[i].Sub(times[i-1]); gap > interval+tolerance {
			t.Errorf("a gap of %v before scrape %d", gap, i)
		}
	}
	for i := len(times) - 3; i < len(times); i++ {
		if d := off(times[i]); d > tolerance {
			t.Errorf("scrape %d is %v off its phase", i, d)
		}
	}
	if n := staleMarkers(t, st, labels.MustNewMatcher(labels.MatchEqual, "job", "docker")); n != 0 {
		t.Errorf("%d stale markers", n)
	}
}

// TestScrapedDaemonID: who the engine is comes with its scrape.
func TestScrapedDaemonID(t *testing.T) {
	for body, want := range map[string]string{
		`engine_daemon_engine_info{daemon_id="abc"} 1` + "\n": "abc",
		"x 1\n": "",
	} {
		s, _, scraped := start(t, serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }), nil)
		for range 2 { // of the cache, too
			got := <-scraped
			for !got.Up { // a slow machine
				got = <-scraped
			}
			if got.DaemonID != want {
				t.Errorf("%s: daemon ID %q, want %q", strings.TrimSpace(body), got.DaemonID, want)
			}
		}
		if s.Names("x") != strings.HasPrefix(body, "x") || !s.Names("up") {
			t.Errorf("%s: the names are not those that it brings", strings.TrimSpace(body))
		}
	}
}

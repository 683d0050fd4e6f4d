package scrape

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// TestSamplesBearTheClocksTime: whatever the wall clock does, samples bear the time
// that Clock gave when their scrape began, never a later one, and in its order.
func TestSamplesBearTheClocksTime(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		// One sample has a time of its own, hours ahead.
		_, _ = w.Write([]byte("x 1\ny 1 4102444800000\n"))
	}))
	defer target.Close()
	// The timeline is ahead of the wall clock by a day; then the wall clock is set to
	// 1970, which looks like decades, and the timeline goes on.
	base := time.Now().Add(24 * time.Hour)
	began := time.Now()
	var ahead atomic.Int64
	ahead.Store(int64(24 * time.Hour))
	_, st, scraped := start(t, target.URL, func(o *Options) {
		o.Clock = func() (time.Time, time.Duration) {
			at := base.Add(time.Since(began))
			return at, time.Duration(ahead.Load())
		}
	})
	var before time.Time
	for i := range 10 {
		if i == 5 {
			ahead.Store(int64(48 * time.Hour)) // more than there is: held back
		}
		sc := <-scraped
		if !sc.Up || !sc.At.After(before) {
			t.Errorf("scrape %d at %v, up %v; the one before at %v", i, sc.At, sc.Up, before)
		}
		if now := base.Add(time.Since(began)); sc.At.After(now) || now.Sub(sc.At) > 10*time.Second {
			t.Errorf("scrape %d is stamped %v at %v", i, sc.At, now)
		}
		before = sc.At
	}
	if got := last(t, st, "x"); len(got) != 0 {
		t.Fatalf("samples by the wall clock: %v", got) // last reads up to an hour ahead of it
	}
	q, err := st.Querier(0, base.Add(time.Hour).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	n := 0
	for ss := q.Select(t.Context(), false, nil, named("x"), named("x")); ss.Next(); n++ {
	}
	if n != 1 {
		t.Errorf("%d series x a day ahead, want 1", n)
	}
	n = 0
	late, err := st.Querier(base.Add(time.Hour).UnixMilli(), 1<<62)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	for ss := late.Select(t.Context(), false, nil, named("y")); ss.Next(); n++ {
	}
	if n != 0 {
		t.Error("a sample of a time to come was stored")
	}
}

func named(name string) *labels.Matcher {
	return labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, name)
}

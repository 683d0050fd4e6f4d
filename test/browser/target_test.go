package browser

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
)

// target is what tocsin scrapes: series whose values a test sets.
type target struct {
	server *httptest.Server

	mu     sync.Mutex
	series map[string]float64 // guarded by mu; by the series as the text format writes it
	broken bool               // guarded by mu
}

func newTarget() *target {
	t := &target{series: map[string]float64{}}
	t.server = httptest.NewServer(t)
	return t
}

func (t *target) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken {
		http.Error(w, "broken on command", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	for _, s := range slices.Sorted(maps.Keys(t.series)) {
		fmt.Fprintln(w, s, t.series[s])
	}
}

// set gives series their values from the next scrape on.
func (t *target) set(values map[string]float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(t.series, values)
}

// fail makes scrapes fail, or succeed again.
func (t *target) fail(broken bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broken = broken
}

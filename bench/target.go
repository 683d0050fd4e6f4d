package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// target serves the metrics of a workload to one contestant, and notes when it
// was scraped.
type target struct {
	url     string
	metrics *metrics
	server  *http.Server

	mu      sync.Mutex
	closed  bool // refuses scrapes
	scrapes int
	flipped map[int]*change // by number of the flip
	stormed *change
}

// change is a change of a metric, and when a scrape first brought it.
type change struct{ at, scraped time.Time }

func newTarget(m *metrics) (*target, error) {
	t := &target{metrics: m, flipped: map[int]*change{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", t.serve)
	server, url, err := serveLoopback(mux)
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	t.server, t.url = server, url+"/metrics"
	return t, nil
}

// serve answers a scrape. What has changed before it began is in it.
func (t *target) serve(w http.ResponseWriter, _ *http.Request) {
	at := time.Now()
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		http.Error(w, "not open yet", http.StatusServiceUnavailable)
		return
	}
	for _, c := range t.flipped {
		c.see(at)
	}
	t.stormed.see(at)
	text := t.metrics.expose(at, t.flipped, t.stormed != nil)
	t.scrapes++
	t.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(text) // a contestant that hangs up has no scrape
}

// answer tells whether scrapes are answered; they are from the start on.
func (t *target) answer(open bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = !open
}

// see notes the first scrape after a change.
func (c *change) see(at time.Time) {
	if c != nil && c.scraped.IsZero() {
		c.scraped = at
	}
}

// flip raises a gauge.
func (t *target) flip(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flipped[i] = &change{at: time.Now()}
}

// startStorm raises all gauges of the storm.
func (t *target) startStorm() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stormed = &change{at: time.Now()}
}

// storm is the change that startStorm made.
func (t *target) storm() change {
	t.mu.Lock()
	defer t.mu.Unlock()
	return *t.stormed
}

// changed is what became of a flip.
func (t *target) changed(i int) change {
	t.mu.Lock()
	defer t.mu.Unlock()
	return *t.flipped[i]
}

// count is how many scrapes there were.
func (t *target) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.scrapes
}

func (t *target) close(ctx context.Context) error { return closeServer(ctx, t.server) }

package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// told is one alert of one POST.
type told struct {
	at               time.Time
	key              string
	life             int
	seq              int // of the scrape that the alert was last seen in
	served           int // scrapes that there had been by then
	startsAt, endsAt time.Time
	resolved         bool
	late             bool // it is over, and reported now as it could not be before
	again            bool // it fires again while that report stands, and its end will wait for it
}

func (p told) String() string {
	state := "firing"
	switch {
	case p.resolved:
		state = "resolved"
	case p.late:
		state = "firing late"
	}
	return fmt.Sprintf("%s since %s, seen in scrape %d, told in life %d after scrape %d",
		state, clock(p.startsAt), p.seq, p.life, p.served)
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// receiver stands for an Alertmanager: it keeps what it is told.
type receiver struct {
	url    string
	target *target

	mu    sync.Mutex
	log   []told        // guarded by mu
	heard chan struct{} // one slot: there was a POST
	// before is called with each POST before it is answered; guarded by mu.
	before func()
}

func newReceiver(t *testing.T, tg *target) *receiver {
	r := &receiver{target: tg, heard: make(chan struct{}, 1)}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	at := time.Now()
	var alerts []struct {
		Labels, Annotations map[string]string
		StartsAt, EndsAt    time.Time
	}
	if !strings.HasSuffix(req.URL.Path, "/api/v2/alerts") || json.NewDecoder(req.Body).Decode(&alerts) != nil {
		http.Error(w, "no", http.StatusNotFound)
		return
	}
	r.target.mu.Lock()
	life, served := r.target.life, len(r.target.log)
	r.target.mu.Unlock()
	r.mu.Lock()
	for _, a := range alerts {
		seq, _ := strconv.Atoi(a.Annotations["seq"]) // 0 is none, which no scrape is
		r.log = append(r.log, told{
			at: at, key: a.Labels["alertname"] + "/" + a.Labels["n"], life: life, seq: seq, served: served,
			startsAt: a.StartsAt, endsAt: a.EndsAt, resolved: !a.EndsAt.After(at),
			late:  strings.Contains(a.Annotations["late_delivery"], "alert fired"),
			again: strings.Contains(a.Annotations["late_delivery"], "also fired"),
		})
	}
	before := r.before
	r.mu.Unlock()
	select {
	case r.heard <- struct{}{}:
	default:
	}
	if before != nil {
		before()
	}
}

// onPost sets what is done with each POST before it is answered.
func (r *receiver) onPost(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = f
}

// all is what was told so far.
func (r *receiver) all() []told {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log[:len(r.log):len(r.log)]
}

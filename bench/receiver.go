package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// receiver stands where an Alertmanager would, for one contestant: it takes
// alerts by its API and notes when each first came as firing.
type receiver struct {
	url    string
	server *http.Server
	behind *alertmanager // gets all that comes, if there is one

	mu     sync.Mutex
	first  map[string]time.Time // by alertKey
	counts map[string]int       // different alerts by name
}

// postedAlert is what the bench reads of an alert that is sent.
type postedAlert struct {
	Labels map[string]string `json:"labels"`
	EndsAt time.Time         `json:"endsAt"`
}

func newReceiver() (*receiver, error) {
	r := &receiver{first: map[string]time.Time{}, counts: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v2/alerts", r.serve)
	server, url, err := serveLoopback(mux)
	if err != nil {
		return nil, fmt.Errorf("serve Alertmanager's API: %w", err)
	}
	r.server, r.url = server, url
	return r, nil
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	at := time.Now() // what follows is the bench's own time
	var alerts []postedAlert
	if err == nil {
		err = json.Unmarshal(body, &alerts)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.note(alerts, at)
	if r.behind == nil {
		return
	}
	status, err := r.behind.post(req.Context(), body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.WriteHeader(status)
}

// note keeps what comes for the first time.
func (r *receiver) note(alerts []postedAlert, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range alerts {
		key := alertKey(a.Labels["alertname"], a.Labels["flip"]+a.Labels["id"])
		if _, known := r.first[key]; known || !a.EndsAt.IsZero() && a.EndsAt.Before(at) {
			continue
		}
		r.first[key] = at
		r.counts[a.Labels["alertname"]]++
	}
}

// alertKey is the identity of a stimulus' alert.
func alertKey(name, id string) string { return name + "/" + id }

// received is when an alert first came.
func (r *receiver) received(key string) (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.first[key]
	return at, ok
}

// last is when the last of all alerts of a name came.
func (r *receiver) last(name string) (at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, t := range r.first {
		if strings.HasPrefix(key, name+"/") && t.After(at) {
			at = t
		}
	}
	return at
}

// count is how many different alerts of a name have come.
func (r *receiver) count(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[name]
}

// forget makes all alerts new again.
func (r *receiver) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.first)
	clear(r.counts)
}

func (r *receiver) close(ctx context.Context) error { return closeServer(ctx, r.server) }

// serveLoopback serves on a port of its own.
func serveLoopback(h http.Handler) (*http.Server, string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }() // ends with ErrServerClosed
	return s, "http://" + l.Addr().String(), nil
}

func closeServer(ctx context.Context, s *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("close server: %w", err)
	}
	return s.Close()
}

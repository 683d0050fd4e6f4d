package test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/journal"
	"github.com/tocsin/tocsin/notify"
)

// station is a journal and a notifier, wired as in the daemon, for one
// Alertmanager. It stands in for an engine that evaluates and repeats quickly.
type station struct {
	t     *testing.T
	url   string
	path  string
	via   http.RoundTripper
	every time.Duration // between two repetitions

	mu       sync.Mutex
	known    map[string]alert.Notification // guarded by mu: the last state of each alert
	notifier *notify.Notifier              // guarded by mu
	journal  *journal.Journal
	end      func()
}

func startStation(t *testing.T, url string, via http.RoundTripper, every time.Duration) *station {
	t.Helper()
	s := &station{
		t: t, url: url, path: filepath.Join(t.TempDir(), "journal.db"), via: via, every: every,
		known: map[string]alert.Notification{},
	}
	s.start()
	t.Cleanup(func() { s.end() })
	return s
}

// lateHold outlasts the group_interval of the tests' Alertmanagers.
const lateHold = 4 * time.Second

func (s *station) start() {
	s.t.Helper()
	endpoints, err := notify.ParseURLs(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	var n *notify.Notifier
	j := journal.New(journal.Options{
		Path: s.path, Receivers: []string{endpoints[0].String()},
		Undelivered: func() map[string][]alert.Undelivered { return n.Undelivered() },
	})
	n, err = notify.New(notify.Options{
		Endpoints: endpoints, RoundTripper: s.via, Delivered: j.Delivered,
		Timeout: 2 * time.Second, MaxBackoff: 500 * time.Millisecond, LateHold: lateHold,
	})
	if err := errors.Join(err, j.Open()); err != nil {
		s.t.Fatal(err)
	}
	left, err := j.Undelivered()
	if err != nil {
		s.t.Fatal(err)
	}
	n.Restore(left)
	s.mu.Lock()
	s.notifier, s.journal = n, j
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := n.Run(ctx); err != nil {
			s.t.Error(err)
		}
	})
	running.Go(func() { s.repeat(ctx) })
	s.end = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if err := j.Close(); err != nil {
			s.t.Error(err)
		}
	})
}

// restart ends the process and begins another one on its journal.
func (s *station) restart() {
	s.end()
	s.start()
}

// repeat says again what was said, as an engine does.
func (s *station) repeat(ctx context.Context) {
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		var ns []alert.Notification
		for _, n := range s.known {
			n.News = false
			if !n.Resolved {
				n.EndsAt = time.Now().Add(time.Minute)
			}
			ns = append(ns, n)
		}
		s.notifier.Send(ns)
		s.mu.Unlock()
	}
}

// news journals and sends a change.
func (s *station) news(n alert.Notification) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	n.News = true
	s.known[n.Labels.Get("alertname")] = n
	if err := s.journal.Save(alert.Changes{News: []alert.Notification{n}}); err != nil {
		s.t.Fatal(err)
	}
	s.notifier.Send([]alert.Notification{n})
}

func (s *station) fire(names ...string) {
	s.t.Helper()
	now := time.Now()
	for _, name := range names {
		s.news(alert.Notification{Labels: labels.FromStrings("alertname", name), StartsAt: now, EndsAt: now.Add(time.Minute)})
	}
}

func (s *station) resolve(names ...string) {
	s.t.Helper()
	for _, name := range names {
		s.mu.Lock()
		n := s.known[name]
		s.mu.Unlock()
		n.EndsAt, n.Resolved = time.Now(), true
		s.news(n)
	}
}

func (s *station) status() notify.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notifier.Status()[0]
}

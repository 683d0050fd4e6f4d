package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/journal"
	"github.com/tocsin/tocsin/notify"
	"github.com/tocsin/tocsin/scrape"
	"github.com/tocsin/tocsin/storage"
	"github.com/tocsin/tocsin/web"
)

// newLife is a lifecycle of real stages, whose alert A always fires, and what it sends.
func newLife(t *testing.T) (*lifecycle, <-chan alert.Notification) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "x 1") }))
	t.Cleanup(srv.Close)
	u, err := scrape.ParseURL(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	dir, reg := t.TempDir(), prometheus.NewRegistry()
	log, closeLog := newLogger("error", t.Output(), t.Output(), reg)
	t.Cleanup(closeLog)
	const rule = "groups: [{name: g, rules: [{alert: A, expr: x > 0}]}]"
	if err := os.WriteFile(filepath.Join(dir, "rules.yml"), []byte(rule), 0o644); err != nil {
		t.Fatal(err)
	}

	sent := make(chan alert.Notification, 10_000)
	l := newLifecycle(log)
	l.clock = newClock(log, reg)
	l.store = storage.New(storage.Options{Dir: dir, Now: l.clock.now})
	l.clock.cutOver = l.store.CutOver
	l.journal = journal.New(journal.Options{Path: filepath.Join(dir, "journal.db"), Logger: log})
	l.notifier = newAnnouncer(t)
	const interval = 20 * time.Millisecond
	l.notifier, err = notify.New(notify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.engine = engine.New(engine.Options{
		Queryable: l.store, Appendable: l.store, Journal: l.journal.Save, Now: l.clock.moment,
		Notify: func(ns []alert.Notification) {
			for _, n := range ns {
				sent <- n
			}
		},
		Interval: interval, ScrapeInterval: interval, ResendDelay: interval, PauseHold: time.Hour,
	})
	l.scraper, err = scrape.New(scrape.Options{
		Target: scrape.Target{URL: u, Job: "j", Instance: "i"}, Interval: interval, Appendable: l.store,
		Committed: func(s scrape.Scraped) { l.engine.Tick(l.clock.tick(s)) },
		Clock:     l.clock.scrapeTime,
	})
	if err != nil {
		t.Fatal(err)
	}
	l.book = newRulebook(filepath.Join(dir, "rules.yml"), false, log, reg)
	withoutFile(t, l)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := l.store.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := l.journal.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, sent
}

// receive waits for a notification.
func receive(t *testing.T, sent <-chan alert.Notification) alert.Notification {
	t.Helper()
	select {
	case n := <-sent:
		return n
	case <-time.After(awaitLimit):
		t.Fatal("nothing is sent")
		return alert.Notification{}
	}
}

// TestPauseThatIsOutlived: what fires is refreshed in the pause with an end far ahead,
// until the next start or the end of the process, which waits for none of it.
func TestPauseThatIsOutlived(t *testing.T) {
	l, sent := newLife(t)
	for range 2 {
		if err := l.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		receive(t, sent)
		if err := l.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		for len(sent) > 0 { // what was sent before, and the last will
			<-sent
		}
		var last time.Time
		for range 5 {
			n := receive(t, sent)
			if n.Resolved || time.Until(n.EndsAt) < 59*time.Minute || !n.EndsAt.After(last) {
				t.Fatalf("in the pause: sent %+v, want it firing for PauseHold, and longer than until %s", n, last)
			}
			last = n.EndsAt
		}
	}
	begin := time.Now()
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > pauseDeadline {
		t.Errorf("close took %s", took)
	}
	<-l.settled
	n := len(sent)
	if err := l.Start(t.Context()); err != nil || l.isRunning() {
		t.Errorf("start after close: %v, running %t", err, l.isRunning())
	}
	if state, _, _ := l.status(); state != web.Paused || len(sent) != n {
		t.Errorf("after close: state %s, %d more sent", state, len(sent)-n)
	}
}

// TestCloseInAPauseCanBeHurried: a process that comes back at once leaves the
// compaction of the pause behind.
func TestCloseInAPauseCanBeHurried(t *testing.T) {
	l := newLifecycle(nil)
	settled := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	l.settled, l.cancel = settled, cancel
	go func() { <-ctx.Done(); close(settled) }() // a compaction that only ends when it is told to
	l.hurry()
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

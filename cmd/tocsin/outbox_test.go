package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/notify"
	"github.com/tocsin/tocsin/storage"
)

// What a process journalled and could not send, the next one sends when it opens
// its data, before the engine has said anything; and what it begins with does not
// take that out of the journal.
func TestOutboxIsRestored(t *testing.T) {
	posts := make(chan string, 10)
	am := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, _ := io.ReadAll(r.Body)
			posts <- string(body)
			http.Error(w, "not now", http.StatusServiceUnavailable)
		}
	}))
	defer am.Close()
	endpoints, err := notify.ParseURLs(am.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := settings{dataPath: t.TempDir(), alertmanagers: endpoints, rulesPath: filepath.Join(t.TempDir(), "none.yml")}
	log := slog.New(slog.DiscardHandler)

	jrnl, _, err := newOutbox(s, newIdentity(s, nil, log).labels(), newClock(log, prometheus.NewRegistry()), log, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if err := jrnl.Open(); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	note := alert.Notification{Labels: labels.FromStrings("alertname", "Left"), StartsAt: now.Add(-time.Minute), EndsAt: now, News: true}
	record := alert.Record{
		Rule:  alert.RuleID{File: "none.yml", Group: "g", Name: "Left"},
		Alert: alert.Alert{State: alert.Firing, Labels: note.Labels, ActiveAt: note.StartsAt, FiredAt: note.StartsAt},
	}
	if err := jrnl.Save(alert.Changes{At: now, Upserts: []alert.Record{record}, News: []alert.Notification{note}}); err != nil {
		t.Fatal(err)
	}
	if err := jrnl.Close(); err != nil { // nothing was ever sent
		t.Fatal(err)
	}

	reg := prometheus.NewRegistry()
	l := newLifecycle(log)
	l.clock = newClock(log, reg)
	l.store = storage.New(storage.Options{Dir: s.dataPath, Now: l.clock.now})
	l.clock.cutOver = l.store.CutOver
	if l.journal, l.notifier, err = newOutbox(s, newIdentity(s, nil, log).labels(), newClock(log, prometheus.NewRegistry()), log, reg); err != nil {
		t.Fatal(err)
	}
	l.engine = engine.New(engine.Options{Queryable: l.store, Appendable: l.store, Journal: l.journal.Save, Now: l.clock.moment})
	l.book = newRulebook(s.rulesPath, false, log, reg)
	withoutFile(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.notifier.Run(ctx) }()
	if !l.open(t.Context()) {
		t.Fatal("not opened")
	}
	select {
	case body := <-posts:
		if !strings.Contains(body, `"alertname":"Left"`) {
			t.Errorf("sent %s", body)
		}
	case <-time.After(20 * time.Second):
		t.Error("nothing was sent")
	}
	l.engine.Begin() // journals all state anew
	left, err := l.journal.Undelivered()
	if err != nil {
		t.Fatal(err)
	}
	if us := left[endpoints[0].String()]; len(us) != 1 || us[0].Resolved {
		t.Errorf("undelivered after the start: %+v, want what was left, firing", us)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := l.journal.Close(); err != nil {
		t.Error(err)
	}
	if err := l.store.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	_ "github.com/prometheus/prometheus/discovery/file" // file_sd_configs
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/journal"
	"github.com/tocsin/tocsin/notify"
)

// What was owed to an Alertmanager that discovery had found is kept over a restart in
// which discovery does not answer, and told when it does. An incident that is over before
// anyone was ever found is told too.
func TestOutboxOfADiscoveredReceiver(t *testing.T) {
	posts := make(chan string, 10)
	am := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, _ := io.ReadAll(r.Body)
			posts <- string(body)
		}
	}))
	defer am.Close()
	dir := t.TempDir()
	targets := filepath.Join(dir, "am.json")
	cfg, err := config.Load("alerting: {alertmanagers: [{file_sd_configs: [{files: ["+targets+"], refresh_interval: 100ms}]}]}", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	write := func() {
		t.Helper()
		if err := os.WriteFile(targets, []byte(`[{"targets": ["`+strings.TrimPrefix(am.URL, "http://")+`"]}]`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	news := func(name string, resolved bool) []alert.Notification {
		return []alert.Notification{{Labels: labels.FromStrings("alertname", name), StartsAt: now.Add(-time.Minute), EndsAt: now, News: true, Resolved: resolved}}
	}
	left := func(j *journal.Journal) (all int) {
		t.Helper()
		byReceiver, err := j.Undelivered()
		if err != nil {
			t.Fatal(err)
		}
		for _, us := range byReceiver {
			all += len(us)
		}
		return all
	}
	live := func(during func(*journal.Journal, *notify.Notifier)) {
		t.Helper()
		log := slog.New(slog.DiscardHandler)
		jrnl, n, err := newOutbox(settings{dataPath: dir}, newClock(log, prometheus.NewRegistry()), log, prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		if err := jrnl.Open(); err != nil {
			t.Fatal(err)
		}
		if err := n.Configure(cfg.AlertingConfig); err != nil {
			t.Fatal(err)
		}
		kept, err := jrnl.Undelivered()
		if err != nil {
			t.Fatal(err)
		}
		n.Restore(kept)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		during(jrnl, n)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := jrnl.Close(); err != nil {
			t.Error(err)
		}
	}
	live(func(j *journal.Journal, n *notify.Notifier) { // nobody is found
		for _, resolved := range []bool{false, true} {
			ns := news("Over", resolved)
			if err := j.Save(alert.Changes{At: now, News: ns}); err != nil {
				t.Fatal(err)
			}
			n.Send(ns)
		}
	})
	live(func(j *journal.Journal, _ *notify.Notifier) { // nor is anyone now
		if err := j.Save(alert.Changes{At: now, News: news("Unsent", false)}); err != nil {
			t.Fatal(err)
		}
		if got := left(j); got != 2 {
			t.Errorf("%d incidents are kept, want 2", got)
		}
	})
	write()
	live(func(*journal.Journal, *notify.Notifier) {
		told := ""
		for !strings.Contains(told, `"Over"`) || !strings.Contains(told, `"Unsent"`) {
			select {
			case body := <-posts:
				told += body
			case <-time.After(awaitLimit):
				t.Fatalf("told only %q", told)
			}
		}
		if !strings.Contains(told, notify.LateAnnotation) {
			t.Errorf("what is over was not reported late: %s", told)
		}
	})
	live(func(j *journal.Journal, n *notify.Notifier) {
		kept, err := j.Undelivered()
		if err != nil {
			t.Fatal(err)
		}
		for name, us := range kept {
			for _, u := range us {
				if u.Unseen && u.HeldUntil.IsZero() || name != am.URL {
					t.Errorf("%s is still owed %+v", name, u)
				}
			}
		}
		if st := n.Status(); len(st) != 1 || st[0].URL != am.URL {
			t.Errorf("receivers: %+v", st)
		}
	})
}

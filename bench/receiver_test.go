package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestReceiverNotesTheFirstFiring(t *testing.T) {
	r, err := newReceiver()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.close(t.Context()) })
	post := func(id string, endsAt time.Time) int {
		t.Helper()
		body := fmt.Sprintf(`[{"labels":{"alertname":"BenchFlip","flip":%q},"startsAt":"2026-01-01T00:00:00Z","endsAt":%q}]`, id, endsAt.Format(time.RFC3339))
		resp, err := http.Post(r.url+"/api/v2/alerts", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	key := alertKey(flipAlert, "1")
	post("1", time.Now().Add(-time.Minute))
	if _, ok := r.received(key); ok {
		t.Error("a resolved alert counts")
	}
	post("1", time.Now().Add(time.Minute))
	first, ok := r.received(key)
	if !ok {
		t.Fatal("a firing alert does not count")
	}
	post("1", time.Now().Add(time.Minute))
	if again, _ := r.received(key); again != first || r.count(flipAlert) != 1 {
		t.Errorf("the second time counts: %s, %d", again, r.count(flipAlert))
	}
	post("2", time.Now().Add(time.Minute))
	if n := r.count(flipAlert); n != 2 || !r.last(flipAlert).After(first) {
		t.Errorf("%d alerts, the last at %s, the first at %s", n, r.last(flipAlert), first)
	}
	r.forget()
	if _, ok := r.received(key); ok || r.count(flipAlert) != 0 {
		t.Error("nothing is forgotten")
	}
	resp, err := http.Post(r.url+"/api/v2/alerts", "application/json", strings.NewReader("{"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("status %s of half a body", resp.Status)
	}
}

func TestTargetTellsWhichScrapeBroughtAChange(t *testing.T) {
	w := workload{seed: 1, series: 25, interval: time.Second, flips: 2, storm: 1}
	tg, err := newTarget(w.metrics())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tg.close(t.Context()) })
	scrape := func() {
		t.Helper()
		resp, err := http.Get(tg.url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	scrape()
	tg.flip(1)
	tg.startStorm()
	if c := tg.changed(1); !c.scraped.IsZero() {
		t.Errorf("scraped before it changed: %+v", c)
	}
	scrape()
	first := tg.changed(1)
	scrape()
	if again := tg.changed(1); again != first || first.scraped.Before(first.at) {
		t.Errorf("change %+v, after another scrape %+v", first, again)
	}
	if s := tg.storm(); s.scraped.Before(s.at) || tg.count() != 3 {
		t.Errorf("storm %+v after %d scrapes", s, tg.count())
	}
}

func TestReceiverHandsOn(t *testing.T) {
	var got string
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		got = string(body)
		w.WriteHeader(http.StatusTeapot)
	}))
	t.Cleanup(behind.Close)
	r, err := newReceiver()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.close(t.Context()) })
	r.behind = &alertmanager{url: behind.URL}
	const body = `[{"labels":{"alertname":"BenchStorm","id":"1"}}]`
	resp, err := http.Post(r.url+"/api/v2/alerts", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusTeapot || got != body || r.count(stormAlert) != 1 {
		t.Errorf("%s, %d noted, handed on: %s", resp.Status, r.count(stormAlert), got)
	}
}

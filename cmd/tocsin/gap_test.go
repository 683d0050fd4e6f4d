package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/journal"
	"github.com/tocsin/tocsin/storage"
	"github.com/tocsin/tocsin/timeline"
)

// bootMemory starts a process that keeps no samples on the disk.
func (e *edge) bootMemory() {
	e.t.Helper()
	log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	e.clock = newClock(log, reg)
	e.clock.read = func() timeline.Reading { return e.clocks }
	e.store = storage.New(storage.Options{Dir: filepath.Join(e.dir, "data"), Memory: true, RetentionTime: 15 * 24 * time.Hour, Now: e.clock.now, Logger: log})
	e.clock.cutOver = e.store.CutOver
	jrnl := journal.New(journal.Options{Path: filepath.Join(e.dir, "data", "journal.db")})
	eng := engine.New(engine.Options{
		Queryable: e.store, Appendable: e.store, Journal: jrnl.Save, Now: e.clock.moment, Oldest: e.store.Oldest,
		Notify:   func(ns []alert.Notification) { e.sent = append(e.sent, ns...) },
		Interval: clockInterval, ScrapeInterval: clockInterval,
	})
	e.life = newLifecycle(log)
	e.life.store, e.life.journal, e.life.engine, e.life.clock = e.store, jrnl, eng, e.clock
	e.life.notifier = newAnnouncer(e.t)
	e.life.book = newRulebook(filepath.Join(e.dir, "rules.yml"), false, log, reg)
	withoutFile(e.t, e.life)
	if !e.life.open(context.Background()) {
		e.t.Fatal("storage does not open")
	}
}

// TestRestartInMemoryHoldsWindows: the samples are gone, however short the stop.
func TestRestartInMemoryHoldsWindows(t *testing.T) {
	e := newEdge(t)
	e.shutdown()
	e.bootMemory()
	for range 25 {
		e.scrape(e.on())
	}
	e.shutdown()
	e.sent = nil
	e.pass(5 * time.Second)
	e.bootMemory()
	e.scrape(e.on())
	for _, n := range e.sent {
		if n.Resolved {
			t.Errorf("resolved %v with the first evaluation after a restart of 5 s", n.Labels)
		}
	}
}

// TestSecondRestartRemembersTheFirst: its gap is still in the windows.
func TestSecondRestartRemembersTheFirst(t *testing.T) {
	e := newEdge(t)
	for range 25 {
		e.scrape(e.on())
	}
	e.shutdown()
	e.pass(10 * time.Minute)
	e.boot()
	e.scrape(e.on())
	e.shutdown()
	e.pass(5 * time.Second)
	e.sent = nil
	e.boot()
	e.errors++
	e.scrape(map[string]float64{"level": 1, "errors_total": e.errors})
	for _, n := range e.sent {
		if n.Resolved {
			t.Errorf("resolved %v after the second restart", n.Labels)
		}
	}
}

// TestSleepThenStop: nothing was evaluated after the sleep.
func TestSleepThenStop(t *testing.T) {
	e := newEdge(t)
	for range 4 {
		e.scrape(e.on())
	}
	e.clocks.Wall, e.clocks.Boot = e.clocks.Wall.Add(8*time.Hour), e.clocks.Boot+8*time.Hour // asleep
	e.shutdown()
	e.pass(20 * time.Second)
	e.sent = nil
	e.boot()
	e.scrape(e.on())
	for _, n := range e.sent {
		if n.Labels.Get("alertname") == "Pending" {
			t.Error("Pending fires after 1 m of 5 m")
		}
	}
}

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/engine/plan"
	"github.com/tocsin/tocsin/journal"
	"github.com/tocsin/tocsin/scrape"
	"github.com/tocsin/tocsin/storage"
	"github.com/tocsin/tocsin/timeline"
)

const clockInterval = 15 * time.Second

// clockRules have an alert for each way in which time could mislead: one that
// fires, one over a window, one that waits, one that is kept and one that is over.
const clockRules = `
groups:
  - name: g
    rules:
      - {alert: Firing, expr: level > 0}
      - {alert: Window, expr: "increase(errors_total[5m]) > 5"}
      - {alert: Pending, expr: slow > 0, for: 5m}
      - {alert: Kept, expr: blip > 0, keep_firing_for: 10m}
      - {alert: Resolved, expr: over > 0}
`

// edge is a host whose clocks the test sets: the real stages but for the scraper,
// whose samples the test brings.
type edge struct {
	t       *testing.T
	dir     string
	clocks  timeline.Reading
	life    *lifecycle
	clock   *clock
	store   *storage.Store
	feed    *plan.Plan // by which all is stored
	sent    []alert.Notification
	errors  float64
	refused int // scrapes that storage did not take
	n       int // evaluations so far
}

func newEdge(t *testing.T) *edge {
	e := &edge{t: t, dir: t.TempDir(), clocks: timeline.Reading{
		Wall: builtAt().Add(30 * 24 * time.Hour), Mono: time.Hour, Boot: time.Hour,
	}}
	if err := os.WriteFile(filepath.Join(e.dir, "rules.yml"), []byte(clockRules), 0o644); err != nil {
		t.Fatal(err)
	}
	e.boot()
	t.Cleanup(func() { e.shutdown() })
	return e
}

// boot starts a process.
func (e *edge) boot() {
	e.t.Helper()
	log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	e.clock = newClock(log, reg)
	e.clock.read = func() timeline.Reading { return e.clocks }
	e.store = storage.New(storage.Options{Dir: filepath.Join(e.dir, "data"), RetentionTime: 15 * 24 * time.Hour, Now: e.clock.now, Logger: log})
	e.clock.cutOver = e.store.CutOver
	jrnl := journal.New(journal.Options{Path: filepath.Join(e.dir, "data", "journal.db")})
	e.feed = newPlan(e.store, log, reg)
	eng := engine.New(engine.Options{
		Queryable: e.store, Appendable: e.feed, Plan: e.feed, Journal: jrnl.Save, Now: e.clock.moment, Oldest: e.store.Oldest,
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

func (e *edge) shutdown() {
	e.t.Helper()
	if err := e.life.engine.Pause(e.clock.now()); err != nil {
		e.t.Error(err)
	}
	e.kill()
}

// kill ends the process without a last word.
func (e *edge) kill() {
	if err := e.life.journal.Close(); err != nil {
		e.t.Error(err)
	}
	if err := e.store.Close(context.Background()); err != nil {
		e.t.Error(err)
	}
}

// pass lets time pass on all clocks.
func (e *edge) pass(d time.Duration) {
	e.clocks.Wall, e.clocks.Mono, e.clocks.Boot = e.clocks.Wall.Add(d), e.clocks.Mono+d, e.clocks.Boot+d
}

// scrape brings one scrape and evaluates.
func (e *edge) scrape(values map[string]float64) {
	e.t.Helper()
	e.pass(clockInterval)
	at, _ := e.clock.scrapeTime()
	app := e.feed.AppenderV2(context.Background())
	taken := true
	values["up"] = 1
	for name, v := range values {
		_, err := app.Append(0, labels.FromStrings("__name__", name), 0, at.UnixMilli(), v, nil, nil, promstorage.AOptions{RejectOutOfOrder: true})
		taken = taken && err == nil
	}
	if err := app.Commit(); err != nil {
		taken = false
	}
	if !taken {
		e.refused++
	}
	e.n++
	e.life.engine.Replay(context.Background(), e.clock.tick(scrape.Scraped{At: at, Up: taken}))
}

// on is a scrape in which all that is to fire does.
func (e *edge) on() map[string]float64 {
	e.errors += 10
	return map[string]float64{"level": 1, "errors_total": e.errors, "slow": 1, "blip": 0, "over": 0}
}

func (e *edge) resolved(name string) (n int) {
	for _, s := range e.sent {
		if s.Resolved && s.Labels.Get("alertname") == name {
			n++
		}
	}
	return n
}

func (e *edge) state(name string) string {
	for _, g := range e.life.engine.Snapshot().Groups {
		for _, r := range g.Rules {
			if r.Rule.Alert == name {
				return r.State.String()
			}
		}
	}
	return "unknown"
}

// TestClock sets the clock in every direction at every point of an alert's life.
// No scrape is refused for longer than one interval, no `for` is satisfied by a
// step, and nothing is resolved by one.
func TestClock(t *testing.T) {
	const year = 365 * 24 * time.Hour
	steps := map[string]func(*edge){
		"none": func(*edge) {},
		"1970": func(e *edge) { e.clocks.Wall = time.Unix(60, 0) },
		"slept 6h": func(e *edge) {
			e.clocks.Wall, e.clocks.Boot = e.clocks.Wall.Add(6*time.Hour), e.clocks.Boot+6*time.Hour
		},
	}
	for _, d := range []time.Duration{-year, -20 * 24 * time.Hour, -6 * time.Hour, -5 * time.Minute, -30 * time.Second, 30 * time.Second, 5 * time.Minute, 6 * time.Hour, year} {
		steps[d.String()] = func(e *edge) { e.clocks.Wall = e.clocks.Wall.Add(d) }
	}
	moments := map[string]func(e *edge, set func(*edge)){
		"running": func(e *edge, set func(*edge)) { set(e) },
		"paused": func(e *edge, set func(*edge)) {
			if err := e.life.engine.Pause(e.clock.now()); err != nil {
				e.t.Fatal(err)
			}
			e.life.engine.Suspend()
			set(e)
			if err := e.store.Compact(context.Background()); err != nil {
				e.t.Fatal(err)
			}
		},
		"stopped": func(e *edge, set func(*edge)) { e.shutdown(); set(e); e.boot() },
		"killed":  func(e *edge, set func(*edge)) { e.kill(); set(e); e.boot() },
	}
	for step, set := range steps {
		for moment, at := range moments {
			t.Run(step+" while "+moment, func(t *testing.T) {
				t.Parallel()
				testClock(t, func(e *edge) { at(e, set) })
			})
		}
	}
}

func testClock(t *testing.T, fault func(*edge)) {
	e := newEdge(t)
	first := e.on()
	first["over"], first["blip"] = 1, 1
	e.scrape(first)
	for range 9 { // Pending has waited 2 m 15 s of its 5 m, Kept as long of its 10 m
		e.scrape(e.on())
	}
	e.sent = nil
	fault(e)
	firedAfter := 0
	for i := 1; i <= 14; i++ {
		e.scrape(e.on())
		if firedAfter == 0 && e.state("Pending") == "firing" {
			firedAfter = i
		}
	}
	if e.refused > 1 {
		t.Errorf("%d scrapes were refused, want one at most", e.refused)
	}
	for _, name := range []string{"Firing", "Window", "Pending", "Kept"} {
		if n := e.resolved(name); n > 0 {
			t.Errorf("%s was resolved %d times", name, n)
		}
	}
	for _, n := range e.sent {
		if name := n.Labels.Get("alertname"); name == "Resolved" && !n.Resolved {
			t.Error("Resolved fired again")
		}
	}
	// 20 intervals in all, of which 9 were before the fault; a slewed clock and a
	// restart may each cost one.
	if firedAfter < 10 || firedAfter > 13 {
		t.Errorf("Pending fired after %d evaluations, want 11", firedAfter)
	}
	// What the clock said while it was wrong does not stay: the alerts end by what is
	// seen now.
	e.sent = nil
	for range 45 {
		e.scrape(map[string]float64{"level": 0, "errors_total": e.errors, "slow": 0, "blip": 0, "over": 0})
	}
	for _, name := range []string{"Firing", "Window", "Pending", "Kept"} {
		if e.resolved(name) == 0 {
			t.Errorf("%s was not resolved when it ended", name)
		}
	}
	if t.Failed() {
		t.Log(fmt.Sprintf("%d evaluations, clocks %+v", e.n, e.clocks))
	}
}

// TestShownAcrossAStep: what a host has noted before its clock was set was as long
// ago as it was.
func TestShownAcrossAStep(t *testing.T) {
	c := newClock(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	clocks := timeline.Reading{Wall: time.Unix(100, 0), Mono: time.Minute, Boot: time.Minute}
	c.read = func() timeline.Reading { return clocks }
	c.cutOver = func(time.Time) error { return nil }
	c.start(time.Time{})
	noted := time.Now()
	clocks = timeline.Reading{Wall: builtAt().Add(24 * time.Hour), Mono: 2 * time.Minute, Boot: 2 * time.Minute}
	c.scrapeTime()
	if got := c.shown(noted); clocks.Wall.Sub(got) > time.Minute || got.After(clocks.Wall) {
		t.Errorf("what was noted a moment ago is shown as of %v, and it is %v", got, clocks.Wall)
	}
	if got := c.shown(time.Time{}); !got.IsZero() {
		t.Errorf("never is shown as %v", got)
	}
}

// TestSampleTimeTakesNoStep: who takes samples between the scrapes of the engine gets
// the time, and leaves the step for the tick that is to tell of it.
func TestSampleTimeTakesNoStep(t *testing.T) {
	c := newClock(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if at, ahead := c.sampleTime(); time.Since(at) > time.Hour || ahead != 0 {
		t.Errorf("before the start it is %v, %v ahead", at, ahead)
	}
	cuts := 0
	clocks := timeline.Reading{Wall: builtAt().Add(48 * time.Hour), Mono: time.Minute, Boot: time.Minute}
	c.read = func() timeline.Reading { return clocks }
	c.cutOver = func(time.Time) error { cuts++; return nil }
	c.start(time.Time{})
	for _, step := range []time.Duration{time.Hour, -2 * time.Hour, -time.Minute} {
		clocks.Wall = clocks.Wall.Add(step)
		before, cutBefore := c.last.Load(), cuts
		at, ahead := c.sampleTime()
		if c.last.Load() != before || cuts != cutBefore {
			t.Errorf("a step of %v was taken by a sample", step)
		}
		if wantAt, wantAhead := c.scrapeTime(); !at.Equal(wantAt) || ahead != wantAhead {
			t.Errorf("after a step of %v a sample is of %v, %v ahead; a scrape of %v, %v ahead", step, at, ahead, wantAt, wantAhead)
		}
	}
	if cuts != 1 || c.last.Load().Stepped != -time.Hour {
		t.Errorf("%d cuts and a step of %v, want those of the scrapes", cuts, c.last.Load().Stepped)
	}
}

package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/journal"
	"github.com/tocsin/tocsin/notify"
	"github.com/tocsin/tocsin/scrape"
	"github.com/tocsin/tocsin/storage"
	"github.com/tocsin/tocsin/timeline"
)

var hours = flag.Int("hours", 4, "how many hours TestMemoryIsFlat simulates: at least 4, or no block is written")

// dayProcess marks the process of its own in which the hours pass: memory is that
// of a whole process.
const dayProcess = "TOCSIN_TEST_DAY"

// TestMemoryIsFlat lets hours pass, in which containers come and go, alerts fire and
// are resolved, and blocks are compacted: the second half must take no more memory
// than the first.
func TestMemoryIsFlat(t *testing.T) {
	if os.Getenv(dayProcess) != "" {
		synctest.Test(t, func(t *testing.T) { newDay(t).pass(*hours) })
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestMemoryIsFlat$", "-test.v", fmt.Sprintf("-hours=%d", *hours))
	cmd.Env = append(os.Environ(), dayProcess+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// flatness is how much more the second half may take: what the head has since the last
// compaction, and a wave of alerts, do not fall on the same minutes of both.
const flatness = 1.25

// day is a process in which time passes at once: the real stages, a target and an
// Alertmanager at the ends of pipes.
type day struct {
	t     *testing.T
	life  *lifecycle
	begun time.Time
	live  []float64 // MiB in the heap, the most of each hour

	mu      sync.Mutex       // guards what follows: both ends of the pipes call
	peak    float64          // of this hour, compactions and all
	sample  []metrics.Sample // that look reads
	scrapes int
	posts   int
}

func newDay(t *testing.T) *day {
	time.Sleep(time.Until(builtAt().Add(24 * time.Hour))) // bubbles begin in the year 2000
	d := &day{t: t, begun: time.Now(), sample: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	dir, log, reg := t.TempDir(), slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	if err := os.WriteFile(filepath.Join(dir, "rules.yml"), []byte(dayRules()), 0o644); err != nil {
		t.Fatal(err)
	}
	endpoints, err := notify.ParseURLs("http://alertmanager")
	if err != nil {
		t.Fatal(err)
	}
	s := settings{dataPath: filepath.Join(dir, "data"), alertmanagers: endpoints, scrapeInterval: clockInterval, selfAlerts: true}
	l := newLifecycle(log)
	d.life, l.clock = l, newClock(log, reg)
	l.clock.read = func() timeline.Reading {
		passed := time.Since(d.begun)
		return timeline.Reading{Wall: time.Now(), Mono: passed, Boot: passed}
	}
	l.store = storage.New(storage.Options{Dir: s.dataPath, RetentionTime: 15 * 24 * time.Hour, RetentionSize: 512 << 20, Now: l.clock.now, Logger: log, Registerer: reg})
	l.clock.cutOver = l.store.CutOver
	l.journal = journal.New(journal.Options{
		Path: filepath.Join(s.dataPath, "journal.db"), Receivers: []string{endpoints[0].String()},
		Undelivered: func() map[string][]alert.Undelivered { return l.notifier.Undelivered() },
	})
	l.notifier, err = notify.New(notify.Options{Endpoints: endpoints, Delivered: l.journal.Delivered, RoundTripper: d, Ahead: l.clock.line.Ahead})
	if err != nil {
		t.Fatal(err)
	}
	d.evaluate(s, log, reg)
	l.book = newRulebook(filepath.Join(dir, "rules.yml"), true, log, reg)
	withoutFile(t, l)
	return d
}

// evaluate makes what scrapes and evaluates, over the store that is there.
func (d *day) evaluate(s settings, log *slog.Logger, reg *prometheus.Registry) {
	l := d.life
	feed := newPlan(l.store, log, reg)
	l.engine = engine.New(engine.Options{
		Queryable: l.store, Appendable: feed, Plan: feed, Notify: l.notifier.Send, Journal: l.journal.Save, Now: l.clock.moment, Oldest: l.store.Oldest,
		Interval: clockInterval, ScrapeInterval: clockInterval, Registerer: reg,
	})
	target := scrape.Target{URL: &url.URL{Scheme: "http", Host: "target", Path: "/metrics"}, Job: engineJob, Instance: "edge"}
	self := newSelfScrape(ownTarget(s, target, reg, feed), log)
	var err error
	l.scraper, err = scrape.New(scrape.Options{
		Target: target, Interval: clockInterval, Appendable: feed, Dial: serveOverPipes(d.t, http.HandlerFunc(d.expose)), Clock: l.clock.scrapeTime,
		Committing: func(sc scrape.Scraped) { l.engine.Announce(l.clock.tick(sc)) },
		Committed: func(sc scrape.Scraped) {
			self.collect(sc.At)
			l.engine.Tick(l.clock.tick(sc))
		},
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// pass lets so many hours pass, and looks at the memory.
func (d *day) pass(hours int) {
	sending := background(d.life.notifier.Run)
	if err := d.life.Start(context.Background()); err != nil {
		d.t.Fatal(err)
	}
	for hour := range hours {
		d.t.Logf("hour %2d: %s", hour+1, d.hour())
	}
	blocks := d.life.store.Stats().Blocks
	if err := d.life.Close(context.Background()); err != nil {
		d.t.Error(err)
	}
	for _, end := range []func(context.Context) error{sending, func(context.Context) error { return d.life.journal.Close() }, d.life.store.Close} {
		if err := end(context.Background()); err != nil {
			d.t.Error(err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if want := hours * int(time.Hour/clockInterval); d.scrapes < want || d.posts == 0 || blocks == 0 {
		d.t.Errorf("%d scrapes, %d posts and %d blocks in %d h: this is no ordinary day", d.scrapes, d.posts, blocks, hours)
	}
	first, second := slices.Max(d.live[:hours/2]), slices.Max(d.live[hours/2:])
	if second > flatness*first {
		d.t.Errorf("in the second half %.2f MiB live, in the first %.2f", second, first)
	}
}

// hour lets one pass, and notes what lives at its most, compactions left out.
func (d *day) hour() string {
	const looks = 6
	var settled float64
	for range looks {
		time.Sleep(time.Hour / looks)
		runtime.GC()
		settled = max(settled, d.look())
	}
	d.live = append(d.live, settled)
	resident, err := residentMemory()
	if err != nil {
		d.t.Fatal(err)
	}
	d.mu.Lock()
	peak := d.peak
	d.peak = 0
	d.mu.Unlock()
	return fmt.Sprintf("%d blocks, %.2f MiB live, %.2f at any time, %.1f MiB resident", d.life.store.Stats().Blocks, settled, peak, resident/(1<<20))
}

// look is what lived in the heap at the last collection, in MiB.
func (d *day) look() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	metrics.Read(d.sample)
	live := float64(d.sample[0].Value.Uint64()) / (1 << 20)
	d.peak = max(d.peak, live)
	return live
}

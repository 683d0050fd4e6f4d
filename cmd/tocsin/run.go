package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/prometheus"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/scrape"
	"github.com/tocsin/tocsin/storage"
	"github.com/tocsin/tocsin/web"
)

// Deadlines of the stop steps: together less than the 10 s that the Docker engine
// gives us from SIGTERM to SIGKILL.
const (
	pauseDeadline  = 2500 * time.Millisecond
	notifyDeadline = 2200 * time.Millisecond
	storeDeadline  = 2500 * time.Millisecond
	shortDeadline  = 500 * time.Millisecond
)

// runCommand is tocsin run.
func runCommand(app *kingpin.Application, c console, actions map[string]action) {
	cmd := app.Command("run", "The daemon, in the Docker engine as a plugin or standalone. Each flag is also a setting of the name in brackets, from the environment.")
	given := newDaemonFlags(cmd)
	actions[cmd.FullCommand()] = func(ctx context.Context) int {
		s, problems := resolve(given, c.getenv)
		if len(problems) > 0 && s.pluginSocket == "" {
			for _, p := range problems {
				fmt.Fprintln(c.stderr, "tocsin: "+p.Error())
			}
			return exitUsage
		}
		return run(ctx, s, problems, c.stdout, c.stderr)
	}
}

// run is the daemon: the only place that knows all the stages. It makes them in
// the order in which they must be there, and unwinds them in reverse.
func run(ctx context.Context, s settings, problems []settingError, stdout, stderr io.Writer) int {
	reg := newRegistry()
	log, closeLog := newLogger(s.logLevel, stdout, stderr, reg)
	defer closeLog()
	stop := &stack{log: log}
	defer stop.unwind()
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)

	hup, unhook := hangups() // from the start: without a receiver it would kill us
	defer unhook()
	life := newLifecycle(log.With("component", "lifecycle"))
	d := &daemon{settings: s, problems: problems, life: life, started: time.Now(), ready: make(chan struct{}), scrapes: prometheus.NewRegistry()}
	if err := d.servePlugin(log, reg, stop); err != nil {
		log.Error("plugin socket", "err", err)
		return exitFailure
	}
	announce(log, problems)
	limitMemory(log)
	small := newFootprint(s.scrapeInterval, log)
	stop.push("footprint", shortDeadline, background(small.run))

	clk := newClock(log, reg)
	store := newStore(s, clk, log, reg)
	d.store = store
	stop.push("storage", storeDeadline, d.closeStore)
	who := newIdentity(s, life.relabel, log.With("component", "identity"))
	jrnl, notifier, err := newOutbox(s, who.labels(), clk, log, reg)
	if err != nil {
		log.Error("notify", "err", err)
		return exitFailure
	}
	stop.push("journal", shortDeadline, func(context.Context) error { return jrnl.Close() })
	stop.push("notifications", notifyDeadline, background(notifier.Run))

	remote := newRemoteWriter(s, store, clk, d.metadata, log, reg)
	compiled, planned := newFeed(s, store, log, reg)
	feed := remote.Appendable(planned)
	d.feed = feed
	opts := engineOptions(s, who, clk, log, reg)
	opts.Queryable, opts.Appendable, opts.Plan, opts.Oldest = store, feed, compiled, store.Oldest
	opts.Notify, opts.Journal, opts.Counting = notifier.Send, jrnl.Save, newLifeMark(s, store, jrnl, log).note
	eng := engine.New(opts)
	target := pickTarget(ctx, s)
	d.renewal = newRenewal(s, target, life.isRunning, leave, log, reg)
	scraper, err := newScraper(s, target, who, store, feed, clk, func(t engine.Tick) { d.renewal.hear(t.Up); eng.Tick(t); small.hearScrape() }, eng.Announce, log, reg, d.scrapes)
	if err != nil {
		log.Error("scrape", "err", err)
		return exitFailure
	}
	eng.Describe(target.Labels(), scraper.Names)
	life.store, life.journal, life.engine, life.scraper, life.notifier, life.clock = store, jrnl, eng, scraper, notifier, clk
	life.jobs, life.remote, life.identity = newJobs(feed, clk, who, store, eng, log, d.scrapes), remote, who
	life.readFrom(s, log, reg)
	d.notifier, d.scraper, d.journal, d.clock = notifier, scraper, jrnl, clk
	close(d.ready)

	if err := begin(ctx, d, d.webOptions(eng, reg, log), log, stop); err != nil {
		log.Error("start", "err", err)
		return exitFailure
	}
	stop.push("pause", pauseDeadline, d.pause)
	stop.push("metrics socket", shortDeadline, background(d.renewal.run))
	stop.push("file watch", shortDeadline, background(life.watch(log)))
	waitForEnd(ctx, hup, life, log)
	return exitOK
}

// engineOptions are those that the settings give; the other stages are to be added.
func engineOptions(s settings, who *identity, clk *clock, log *slog.Logger, reg *prometheus.Registry) engine.Options {
	return engine.Options{
		Interval: s.evalInterval, ScrapeInterval: s.scrapeInterval, Now: clk.moment,
		ResendDelay: s.resendDelay, HoldLimit: s.holdLimit, AlertLimit: s.alertLimit, PauseHold: s.pauseHold,
		Identity: who.phase, ExternalLabels: who.labels(), ExternalURL: s.externalURL(), Logger: log, Registerer: reg,
	}
}

// newStore is the storage of the settings, which follows the clock.
func newStore(s settings, clk *clock, log *slog.Logger, reg *prometheus.Registry) *storage.Store {
	store := storage.New(storage.Options{
		Dir: s.dataPath, Memory: s.memory, RetentionTime: s.retentionTime, RetentionSize: s.retentionSize, Now: clk.now,
		Logger: log, Registerer: reg,
	})
	clk.cutOver = store.CutOver
	return store
}

func announce(log *slog.Logger, problems []settingError) {
	log.Info("tocsin", "version", version)
	for _, p := range problems {
		log.Error("bad setting", "err", p.Error())
	}
}

// newScraper scrapes the target and, with each scrape, Tocsin itself; then the
// engine hears of it. What is stored of Tocsin is in reg, without the metrics of
// scrapes: those wait for a manager that may be waiting for this very scrape.
func newScraper(s settings, target scrape.Target, who *identity, store *storage.Store, to promstorage.AppendableV2, clk *clock, tick, announce func(engine.Tick), log *slog.Logger, reg, scrapes *prometheus.Registry) (*scrape.Scraper, error) {
	log.Info("scraping", "url", target.Redacted(), "job", target.Job, "interval", s.scrapeInterval)
	if maySpeakTLS(target.URL, true) {
		trustKnownRoots()
	}
	self := newSelfScrape(ownTarget(s, target, prometheus.Gatherers{reg, newVitals()}, to), log)
	return scrape.New(scrape.Options{
		Target: target, Interval: s.scrapeInterval, Appendable: to,
		Committed: func(sc scrape.Scraped) {
			self.collect(sc.At)
			tick(clk.tick(sc))
		},
		Committing: func(sc scrape.Scraped) {
			who.hear(sc.DaemonID) // before anything is evaluated that its labels are to be on
			announce(clk.tick(sc))
		},
		Identity: who.phase,
		Stored:   store.Names,
		Clock:    clk.scrapeTime,
		Logger:   log, Registerer: scrapes,
	})
}

// begin serves the page and, where no Docker engine says when, starts. In the
// plugin a page that cannot be served keeps nothing from running.
func begin(ctx context.Context, d *daemon, page web.Options, log *slog.Logger, stop *stack) error {
	s := d.settings
	handler, err := web.New(page)
	if err != nil {
		return err
	}
	d.page.Store(handler)
	if s.listenAddress != "" {
		if err := servePage(s, handler, d.setPageFault, log, stop); err != nil && s.pluginSocket == "" {
			return err
		}
	}
	if s.pluginSocket != "" {
		return nil
	}
	locked := (*storage.LockedError)(nil)
	if err := d.store.Lock(); errors.As(err, &locked) {
		return err // all else is no reason not to start: alerting needs no disk
	}
	return d.life.Start(ctx)
}

// hangups is for SIGHUP.
func hangups() (hup chan os.Signal, stop func()) {
	hup = make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	return hup, func() { signal.Stop(hup) }
}

// waitForEnd blocks until ctx is done; SIGHUP reloads meanwhile.
func waitForEnd(ctx context.Context, hup <-chan os.Signal, life *lifecycle, log *slog.Logger) {
	for {
		select {
		case <-hup:
			log.Info("reloading")
			life.Reload()
		case <-ctx.Done():
			log.Info("stopping")
			return
		}
	}
}

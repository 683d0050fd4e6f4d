package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/journal"
	"github.com/tocsin/tocsin/notify"
	"github.com/tocsin/tocsin/plugin"
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
	reg := prometheus.NewRegistry()
	log, closeLog := newLogger(s.logLevel, stdout, stderr, reg)
	defer closeLog()
	stop := &stack{log: log}
	defer stop.unwind()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	life := newLifecycle(log.With("component", "lifecycle"))
	d := &daemon{settings: s, problems: problems, life: life, ready: make(chan struct{})}
	// The Docker engine dials half a second after the start, and gives up in ten.
	if s.pluginSocket != "" {
		srv, err := plugin.New(plugin.Options{Socket: s.pluginSocket, Start: d.startMetrics, Stop: life.Stop, Logger: log, Registerer: reg})
		if err == nil {
			err = srv.Listen()
		}
		if err != nil {
			log.Error("plugin socket", "err", err)
			return exitFailure
		}
		stop.push("plugin socket", shortDeadline, background(srv.Run))
	}
	log.Info("tocsin", "version", version)
	for _, p := range problems {
		log.Error("bad setting", "err", p.Error())
	}

	store := storage.New(storage.Options{
		Dir: s.dataPath, Memory: s.memory, RetentionTime: s.retentionTime, RetentionSize: s.retentionSize,
		Logger: log, Registerer: reg,
	})
	stop.push("storage", storeDeadline, store.Close)
	jrnl := journal.New(journal.Options{Path: filepath.Join(s.dataPath, "journal.db"), Logger: log, Registerer: reg})
	stop.push("journal", shortDeadline, func(context.Context) error { return jrnl.Close() })
	notifier, err := notify.New(notify.Options{
		Endpoints: s.alertmanagers, ExternalLabels: s.externalLabels, Version: version, Logger: log, Registerer: reg,
	})
	if err != nil {
		log.Error("notify", "err", err)
		return exitFailure
	}
	stop.push("notifications", notifyDeadline, background(notifier.Run))

	eng := engine.New(engine.Options{
		Queryable: store, Appendable: store, Notify: notifier.Send, Journal: jrnl.Save,
		Interval: s.evalInterval, ScrapeInterval: s.scrapeInterval,
		ResendDelay: s.resendDelay, HoldLimit: s.holdLimit, PauseHold: s.pauseHold,
		ExternalLabels: s.externalLabels, ExternalURL: s.externalURL(), Logger: log, Registerer: reg,
	})
	target := pickTarget(ctx, s)
	log.Info("scraping", "url", target.Redacted(), "job", target.Job, "interval", s.scrapeInterval)
	scraper, err := scrape.New(scrape.Options{
		Target: target, Interval: s.scrapeInterval, Appendable: store,
		Committed: func(sc scrape.Scraped) { eng.Tick(engine.Tick(sc)) },
		Logger:    log, Registerer: reg,
	})
	if err != nil {
		log.Error("scrape", "err", err)
		return exitFailure
	}
	life.store, life.journal, life.engine, life.scraper = store, jrnl, eng, scraper
	life.book = newRulebook(s.rulesPath, s.selfAlerts, log)
	d.notifier, d.scraper, d.store, d.journal = notifier, scraper, store, jrnl
	close(d.ready)

	if s.listenAddress != "" {
		err := servePage(s, d, eng, prometheus.Gatherers{reg, store}, reg, log, stop)
		if err != nil && s.pluginSocket == "" {
			log.Error("page", "err", err)
			return exitFailure
		}
	}
	if s.pluginSocket == "" {
		if err := store.Open(); err != nil {
			log.Error("storage", "err", err)
			return exitFailure
		}
		_ = life.Start(ctx) // it never fails
	}
	stop.push("pause", pauseDeadline, life.Close)
	waitForEnd(ctx, life, log)
	return exitOK
}

// waitForEnd blocks until ctx is done; SIGHUP reloads meanwhile.
func waitForEnd(ctx context.Context, life *lifecycle, log *slog.Logger) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-hup:
			log.Info("reloading rules")
			life.Reload()
		case <-ctx.Done():
			log.Info("stopping")
			return
		}
	}
}

// servePage serves API and page. In the plugin a port that is taken is tried
// again for ever: alerting goes on without the page.
func servePage(s settings, d *daemon, eng *engine.Engine, g prometheus.Gatherer, reg prometheus.Registerer, log *slog.Logger, stop *stack) error {
	handler, err := web.New(web.Options{
		Snapshot: eng.Snapshot, Status: d.status, Query: d.query(eng), Gatherer: g, Logger: log, Registerer: reg,
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", s.listenAddress)
	if err != nil {
		err = fmt.Errorf("setting LISTEN_ADDRESS (--web.listen-address) is %q: %w: is another process on that port? choose another, or off", s.listenAddress, err)
		if s.pluginSocket == "" {
			return err
		}
		d.setPageFault(err.Error())
		log.Error("no page, trying on", "err", err)
	}
	srv := handler.HTTPServer()
	stop.push("page", shortDeadline, func(ctx context.Context) error {
		return errors.Join(srv.Shutdown(ctx), srv.Close())
	})
	go func() {
		for l == nil {
			time.Sleep(openRetry)
			if l, err = net.Listen("tcp", s.listenAddress); err == nil {
				d.setPageFault("")
			}
		}
		log.Info("page", "url", "http://"+l.Addr().String()+"/")
		none, quiet := false, slog.New(slog.DiscardHandler) // it has no news, and returns its errors
		err := toolkit.Serve(l, srv, &toolkit.FlagConfig{WebSystemdSocket: &none, WebConfigFile: &s.webConfigFile}, quiet)
		if !errors.Is(err, http.ErrServerClosed) {
			log.Error("page ended", "err", err)
			d.setPageFault(err.Error())
		}
	}()
	return nil
}

// externalURL is where links in alerts lead.
func (s settings) externalURL() *url.URL {
	host, port, err := net.SplitHostPort(s.listenAddress)
	if err != nil {
		return &url.URL{}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		host = hostname()
	}
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}
}

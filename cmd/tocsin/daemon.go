package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/journal"
	"github.com/tocsin/tocsin/notify"
	"github.com/tocsin/tocsin/plugin"
	"github.com/tocsin/tocsin/rules"
	"github.com/tocsin/tocsin/scrape"
	"github.com/tocsin/tocsin/storage"
	"github.com/tocsin/tocsin/web"
)

// hurriedCompaction is what a process may take to compact that is started again at
// once: a head that takes longer is replayed.
const hurriedCompaction = 300 * time.Millisecond

// daemon answers for all the stages together: to the Docker engine, and to the
// page.
type daemon struct {
	settings settings
	problems []settingError
	life     *lifecycle
	ready    chan struct{} // closed once the fields below are there

	notifier *notify.Notifier
	scraper  *scrape.Scraper
	store    *storage.Store
	feed     promstorage.AppendableV2 // by which all is stored
	journal  *journal.Journal
	clock    *clock
	renewal  *renewal

	scrapes   *prometheus.Registry        // the metrics of scrapes, apart: asking for them may wait
	page      atomic.Pointer[web.Handler] // nil until it is made
	started   time.Time
	mu        sync.Mutex
	pageFault string // guarded by mu
}

func (d *daemon) setPageFault(f string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pageFault = f
}

// servePlugin answers the Docker engine, which dials half a second after the start
// and gives up in ten. Standalone it does nothing.
func (d *daemon) servePlugin(log *slog.Logger, reg prometheus.Registerer, stop *stack) error {
	if d.settings.pluginSocket == "" {
		return nil
	}
	srv, err := plugin.New(plugin.Options{Socket: d.settings.pluginSocket, Start: d.startMetrics, Stop: d.life.Stop, Other: d, Logger: log, Registerer: reg})
	if err != nil {
		return err
	}
	if err := srv.Listen(); err != nil {
		return err
	}
	stop.push("plugin socket", shortDeadline, background(srv.Run))
	return nil
}

// startMetrics starts, and tells the Docker engine what the user should repair:
// the engine logs the error, and the plugin runs all the same. Where the engine is
// not the one whose metrics socket is here, the process ends instead and is started
// again: the answer only says that the call has arrived.
func (d *daemon) startMetrics(ctx context.Context) error {
	select {
	case <-d.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	if d.renewal.called() {
		return nil
	}
	errs := []error{d.life.Start(ctx)}
	for _, p := range d.listProblems() {
		errs = append(errs, errors.New(strings.Join([]string{p.Kind, p.Where, p.Text}, " ")))
	}
	return errors.Join(errs...)
}

// listProblems are all that the user should repair.
func (d *daemon) listProblems() []web.Problem {
	var out []web.Problem
	for _, p := range d.problems {
		out = append(out, web.Problem{Kind: "setting", Where: p.env, Text: p.detail()})
	}
	if _, _, fault := d.life.status(); fault != "" {
		out = append(out, web.Problem{Kind: "storage", Text: fault})
	}
	d.mu.Lock()
	fault := d.pageFault
	d.mu.Unlock()
	if fault != "" {
		out = append(out, web.Problem{Kind: "page", Text: fault})
	}
	for _, p := range d.life.config.problems() {
		shown := fileProblem("configuration", p)
		shown.Runs = d.life.config.inPlace()
		out = append(out, shown)
	}
	for _, p := range d.life.book.problems() {
		shown := fileProblem(web.RuleFileProblem, p)
		shown.Runs = d.life.book.inPlaceOf(p.File)
		out = append(out, shown)
	}
	for _, u := range d.life.jobs.Unfound() {
		out = append(out, web.Problem{
			Kind: "discovery", Where: "job " + u.Job, Text: "its targets are not known: " + u.Error, Hint: hintDiscovery(u.Error),
			Runs: "alerts that may be about them stay as they are",
		})
	}
	if damage := d.journal.Damage(); damage != "" {
		out = append(out, web.Problem{Kind: "journal", Text: damage})
	}
	if p, wrong := d.clock.problem(); wrong {
		out = append(out, p)
	}
	st := d.store.Stats()
	if g := st.Degraded; g != nil {
		out = append(out, web.Problem{Kind: "storage", Text: g.Text()})
	}
	for _, r := range st.Repairs {
		out = append(out, web.Problem{Kind: "storage", Text: r.Text})
	}
	return append(out, d.renewal.problem()...)
}

// pause is the stop step of the lifecycle.
func (d *daemon) pause(ctx context.Context) error {
	if d.renewal.isLeaving() {
		d.life.hurry()
	}
	return d.life.Close(ctx)
}

// closeStore is the stop step of the storage. A process that comes back at once does
// not take long to compact: what is left stays in the write-ahead log, and is replayed.
// Samples that are in memory alone are worth the time.
func (d *daemon) closeStore(ctx context.Context) error {
	if !d.renewal.isLeaving() || d.store.Degraded() {
		return d.store.Close(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, hurriedCompaction)
	defer cancel()
	if err := d.store.Close(ctx); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// fileProblem is a problem of a file as the page shows it.
func fileProblem(kind string, p rules.Problem) web.Problem {
	where := p.File
	if p.Pos.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d", p.File, p.Pos.Line, p.Pos.Column)
	}
	bare := p
	bare.File, bare.Pos, bare.Hint = "", rules.Position{}, ""
	return web.Problem{Kind: kind, Where: where, Text: bare.Error(), Hint: p.Hint}
}

// hintDiscovery tells what to do about a discovery that fails.
func hintDiscovery(err string) string {
	if strings.Contains(err, "docker.sock") {
		return "in the plugin the Docker engine's API is there if DOCKER_SOCKET names its socket: docker plugin set tocsin DOCKER_SOCKET=/var/run/docker.sock"
	}
	return ""
}

package scrape

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
)

const (
	// metricsPrefix tells the metrics of this manager from those of the Scraper's.
	metricsPrefix = "jobs_"
	// identityLabel is among the external labels that the scrape manager sees, which
	// only spreads its scrapes by them.
	identityLabel = "__identity__"
)

// Run discovers and scrapes until ctx is done, and does not wait for targets that
// hang. Nothing is stored after it has returned; it may be called again then. The
// error is that it cannot start.
func (j *Jobs) Run(ctx context.Context) error {
	for len(j.current().jobs) == 0 { // what nobody needs costs nothing
		select {
		case <-ctx.Done():
			return nil
		case <-j.changed:
		}
	}
	r, err := newRun(ctx, j)
	if err != nil {
		return err
	}
	defer r.withdraw()
	defer j.suspend()
	j.resume()
	defer context.AfterFunc(ctx, r.cut)()
	p := j.current()
	if err := r.apply(p); err != nil {
		return err
	}
	scraping, discovering := make(chan error, 1), make(chan struct{})
	go func() { scraping <- r.scraper.Run(r.sets) }()
	go func() {
		defer close(discovering)
		_ = r.discovery.Run() // it ends with ctx, and says no more than that
	}()
	r.loop(ctx, p)
	r.cut()
	r.scraper.Stop()
	<-discovering
	return <-scraping
}

// run is the managers of one Run.
type run struct {
	jobs      *Jobs
	gate      *gate
	conns     *connections
	scraper   *scrape.Manager
	discovery *discovery.Manager
	sets      chan map[string][]*targetgroup.Group // to the scraper
	withdraw  func()                               // the scraper's metrics
}

func newRun(ctx context.Context, j *Jobs) (*run, error) {
	r := &run{
		jobs: j, sets: make(chan map[string][]*targetgroup.Group),
		gate:  &gate{to: j.opts.Appendable, clock: j.opts.Clock, follow: j.follow, late: true},
		conns: newConnections(j.opts.Dial, j.socket),
	}
	reg := prometheus.NewRegistry() // others discover too, and one registry takes one
	metrics, err := discovery.CreateAndRegisterSDMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("prepare discovery: %w", err)
	}
	if r.discovery = discovery.NewManager(ctx, j.complaints.log(j.log), reg, metrics); r.discovery == nil {
		return nil, errors.New("make discovery manager: the log says why")
	}
	own := prometheus.NewRegistry()
	r.scraper, err = scrape.NewManager(&scrape.Options{
		DiscoveryReloadOnStartup: true,
		PassMetadataInContext:    true, // the target, for the gate
		HTTPClientOptions:        r.conns.clientOptions(),
	}, j.complaints.log(j.log), nil, nil, r.gate, own)
	if err != nil {
		return nil, fmt.Errorf("make scrape manager: %w", err)
	}
	r.withdraw, err = expose(own, prometheus.WrapRegistererWithPrefix(metricsPrefix, j.opts.Registerer))
	return r, err
}

// cut ends all scrapes under way, as if they had never begun.
func (r *run) cut() {
	r.gate.shut()
	r.conns.closeAll()
}

// apply gives the managers a plan.
func (r *run) apply(p *plan) error {
	cfg := p.config
	b := labels.NewBuilder(cfg.GlobalConfig.ExternalLabels)
	cfg.GlobalConfig.ExternalLabels = b.Set(identityLabel, r.jobs.opts.Identity()).Labels()
	if err := r.scraper.ApplyConfig(&cfg); err != nil {
		return fmt.Errorf("apply scrape config: %w", err)
	}
	if err := r.discovery.ApplyConfig(p.discoveries); err != nil {
		return fmt.Errorf("apply discovery config: %w", err)
	}
	return nil
}

// loop hands on what discovery finds and Apply brings, until ctx is done. p has been
// applied.
func (r *run) loop(ctx context.Context, p *plan) {
	r.forward(ctx)
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case sets, ok := <-r.discovery.SyncCh():
			if ok && r.jobs.answered(p, sets) {
				r.forward(ctx)
			}
		case <-r.jobs.changed:
			next := r.jobs.current()
			if next == p {
				continue
			}
			if err := r.apply(next); err != nil {
				r.jobs.log.Error("jobs are not all scraped as configured", "err", err)
			}
			p = next
			r.forward(ctx)
		}
	}
}

// forward gives the scrape manager what is known. It takes the first at once, and what
// follows after seconds: so the first is not to be nothing.
func (r *run) forward(ctx context.Context) {
	sets, ok := r.jobs.groups()
	if !ok {
		return
	}
	select {
	case <-ctx.Done():
	case r.sets <- sets:
	}
}

package notify

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/dns"
	"github.com/prometheus/prometheus/discovery/targetgroup"
)

// finder is one discovery of Alertmanagers. Prometheus's manager of discoveries is not
// used: it does not tell a discovery that has found nothing from one that has not
// answered yet, and looks ten times a second whether there is news.
type finder struct {
	cfg        discovery.Config
	discoverer discovery.Discoverer

	// guarded by Notifier.mu
	groups map[string]*targetgroup.Group // by source
	heard  map[string]bool               // sources that have answered
	cancel context.CancelFunc            // nil while it does not run
}

// newFinder starts nothing.
func newFinder(cfg discovery.Config, set string, metrics *discovery.SDMetrics, log *slog.Logger) (*finder, error) {
	d, err := cfg.NewDiscoverer(discovery.DiscovererOptions{
		Logger:  log.With("discovery", cfg.Name(), "config", set),
		Metrics: metrics.MechanismMetrics[cfg.Name()],
		SetName: set,
	})
	if err != nil {
		return nil, fmt.Errorf("%s discovery: %w", cfg.Name(), err)
	}
	return &finder{cfg: cfg, discoverer: d, groups: map[string]*targetgroup.Group{}, heard: map[string]bool{}}, nil
}

// newFinderMetrics are what discoveries count; nobody asks for it here.
func newFinderMetrics() (*discovery.SDMetrics, error) {
	return discovery.CreateAndRegisterSDMetrics(prometheus.NewRegistry())
}

// answered tells whether what is not found is not there. A lookup that fails, and a
// file that cannot be read, are no answers. Called with Notifier.mu held.
func (f *finder) answered() bool {
	if c, ok := f.cfg.(*dns.SDConfig); ok { // each name is looked up by itself
		return len(f.heard) >= len(c.Names)
	}
	return len(f.heard) > 0
}

// take takes over what was found. Called with Notifier.mu held.
func (f *finder) take(groups []*targetgroup.Group) {
	for _, g := range groups {
		if g == nil {
			continue
		}
		f.heard[g.Source] = true
		if len(g.Targets) > 0 {
			f.groups[g.Source] = g
		} else {
			delete(f.groups, g.Source)
		}
	}
}

// run looks for Alertmanagers until ctx ends, and reports what it hears.
func (f *finder) run(ctx context.Context, hear func([]*targetgroup.Group)) {
	updates := make(chan []*targetgroup.Group)
	var looking sync.WaitGroup
	looking.Go(func() { f.discoverer.Run(ctx, updates) })
	defer looking.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case groups, ok := <-updates:
			if !ok { // it has said all that it will
				updates = nil
				continue
			}
			hear(groups)
		}
	}
}

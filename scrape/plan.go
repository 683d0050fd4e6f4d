package scrape

import (
	"fmt"
	"log/slog"

	commonconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/scrape"

	"github.com/prometheus/client_golang/prometheus"
)

// plan is a configuration as the two managers are to have it. It is not changed.
type plan struct {
	config      config.Config
	jobs        []*config.ScrapeConfig // those of config
	discoveries map[string]discovery.Configs
}

// noJobs is the plan of no configuration.
func noJobs() *plan { return &plan{config: config.DefaultConfig} }

// newPlan takes the jobs of a configuration. The error says which of them cannot be
// scraped, and why; the managers would only log it.
func newPlan(cfg *config.Config, log *slog.Logger) (*plan, error) {
	given, err := cfg.GetScrapeConfigs()
	if err != nil {
		return nil, fmt.Errorf("read scrape_configs: %w", err)
	}
	metrics, err := discovery.CreateAndRegisterSDMetrics(prometheus.NewRegistry())
	if err != nil {
		return nil, fmt.Errorf("prepare discovery: %w", err)
	}
	p := &plan{config: *cfg, discoveries: map[string]discovery.Configs{}}
	for _, sc := range given {
		if err := try(sc, metrics, log); err != nil {
			return nil, fmt.Errorf("job %s: %w", sc.JobName, err)
		}
		job := limited(sc)
		job.RelabelConfigs = append(job.RelabelConfigs[:len(job.RelabelConfigs):len(job.RelabelConfigs)], socketRules...)
		p.jobs = append(p.jobs, job)
		p.discoveries[job.JobName] = announced(job.ServiceDiscoveryConfigs)
	}
	p.config.ScrapeConfigs, p.config.ScrapeConfigFiles = p.jobs, nil
	return p, nil
}

// try makes what a job needs, of which files may be missing.
func try(sc *config.ScrapeConfig, metrics *discovery.SDMetrics, log *slog.Logger) error {
	client, err := commonconfig.NewClientFromConfig(sc.HTTPClientConfig, sc.JobName)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	client.CloseIdleConnections()
	for _, c := range sc.ServiceDiscoveryConfigs {
		_, err := c.NewDiscoverer(discovery.DiscovererOptions{
			Logger: log, Metrics: metrics.MechanismMetrics[c.Name()], SetName: sc.JobName,
		})
		if err != nil {
			return fmt.Errorf("make %s discovery: %w", c.Name(), err)
		}
	}
	return nil
}

// limited is a copy of a job with the limits of the engine's own target where it has
// none: a wrong address must not fill memory and disk.
func limited(sc *config.ScrapeConfig) *config.ScrapeConfig {
	job := *sc
	if job.BodySizeLimit == 0 {
		job.BodySizeLimit = defaultBodySizeLimit
	}
	if job.SampleLimit == 0 {
		job.SampleLimit = defaultSampleLimit
	}
	if job.LabelLimit == 0 {
		job.LabelLimit = labelLimit
	}
	if job.LabelValueLengthLimit == 0 {
		job.LabelValueLengthLimit = labelValueLimit
	}
	return &job
}

// socketDomain ends the hosts that stand for sockets. Connections are pooled by host
// and dialed by it, so each socket has one of its own; and it must be one that no
// server refuses.
const socketDomain = ".socket.localhost"

// socketRules follow the relabelling of every job. They let an address be
// unix:///path, and give every target that has a socket, also by the label that
// Prometheus has for it, a host of its own. Its instance is the path, or the address
// where that is another.
var socketRules = []*relabel.Config{
	rewrite("unix://(/.+)", scrape.UnixSocketLabel, "$1", model.AddressLabel),
	rewrite(";unix://(/.+)", model.InstanceLabel, "$1", model.InstanceLabel, model.AddressLabel),
	rewrite(";[^;]+;(.+)", model.InstanceLabel, "$1", model.InstanceLabel, scrape.UnixSocketLabel, model.AddressLabel),
	{
		Action: relabel.HashMod, SourceLabels: model.LabelNames{scrape.UnixSocketLabel}, Modulus: 1 << 62,
		TargetLabel: socketHash, Regex: relabel.DefaultRelabelConfig.Regex, NameValidationScheme: model.UTF8Validation,
	},
	rewrite("(.+);.+", model.AddressLabel, "$1"+socketDomain, socketHash, scrape.UnixSocketLabel),
}

// socketHash lives as long as the relabelling.
const socketHash = model.MetaLabelPrefix + "tocsin_socket"

// rewrite sets a label where those of from, joined, are matched.
func rewrite(regex, label, replacement string, from ...model.LabelName) *relabel.Config {
	return &relabel.Config{
		Action: relabel.Replace, SourceLabels: from, Separator: ";", Regex: relabel.MustNewRegexp(regex),
		TargetLabel: label, Replacement: replacement, NameValidationScheme: model.UTF8Validation,
	}
}

package scrape

import (
	"cmp"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
)

// TargetStatus is one target and its last scrape, for people.
type TargetStatus struct {
	// URL is the one that was given, without its password.
	Job, Instance, URL string
	// ScrapeURL is what the request asks for: of a socket, without its path.
	ScrapeURL string
	// Labels are on every sample; Discovered are those that they were made from.
	Labels, Discovered labels.Labels
	// Health is up, down or unknown.
	Health             string
	LastScrape         time.Time
	LastScrapeDuration time.Duration
	LastError          string // empty if Health is up
	Interval, Timeout  time.Duration
}

// Targets tells the state of the target; while Run does not run its health is
// unknown.
func (s *Scraper) Targets() []TargetStatus {
	t := s.opts.Target
	st := TargetStatus{
		Job: t.Job, Instance: t.Instance, URL: t.Redacted(), ScrapeURL: t.Redacted(),
		Labels: labels.FromStrings(model.JobLabel, t.Job, model.InstanceLabel, t.Instance),
		Health: string(scrape.HealthUnknown), Interval: s.opts.Interval, Timeout: timeout(s.opts.Interval),
	}
	if active := s.target.Load(); active != nil {
		st.describe(active)
		st.lastScrape(active)
	}
	return []TargetStatus{st}
}

// describe takes over what a target is.
func (st *TargetStatus) describe(t *scrape.Target) {
	b := labels.NewBuilder(labels.EmptyLabels())
	st.ScrapeURL = t.URL().String()
	st.Labels = t.Labels(b)
	st.Discovered = t.DiscoveredLabels(b)
}

// lastScrape takes over what became of a target.
func (st *TargetStatus) lastScrape(t *scrape.Target) {
	st.Health = string(t.Health())
	st.LastScrape = t.LastScrape()
	st.LastScrapeDuration = t.LastScrapeDuration()
	if err := t.LastError(); err != nil {
		st.LastError = err.Error()
	}
}

// Metadata is what a target says of one family of metrics.
type Metadata struct {
	Target     labels.Labels
	Family     string
	Type       model.MetricType
	Help, Unit string
}

// Metadata tells what the target said of its metrics in its last scrapes, in the
// order of their names. While Run does not run there is none.
func (s *Scraper) Metadata() []Metadata {
	if t := s.target.Load(); t != nil {
		return metadata(t)
	}
	return nil
}

func metadata(targets ...*scrape.Target) []Metadata {
	var list []Metadata
	for _, t := range targets {
		ls := t.Labels(labels.NewBuilder(labels.EmptyLabels()))
		for _, m := range t.ListMetadata() {
			list = append(list, Metadata{ls, m.MetricFamily, m.Type, m.Help, m.Unit})
		}
	}
	slices.SortStableFunc(list, func(a, b Metadata) int { return cmp.Compare(a.Family, b.Family) })
	return list
}

// Config is what a Prometheus would be told to scrape the same. It prints without
// passwords.
func (s *Scraper) Config() config.Config {
	c, sc := *s.config, *s.config.ScrapeConfigs[0]
	group := s.opts.Target.group()
	written := &targetgroup.Group{Targets: []model.LabelSet{{}}, Labels: model.LabelSet{}}
	for name, value := range group.Targets[0] {
		if name == model.AddressLabel {
			written.Targets[0][name] = value
		} else {
			written.Labels[name] = value
		}
	}
	sc.ServiceDiscoveryConfigs = discovery.Configs{discovery.StaticConfig{written}}
	c.ScrapeConfigs = []*config.ScrapeConfig{&sc}
	return c
}

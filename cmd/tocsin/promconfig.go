package main

import (
	"net/url"
	"slices"
	"time"

	commonconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
)

// prometheusConfig is the configuration that would make a Prometheus do what
// Tocsin does; passwords are not in it.
func (d *daemon) prometheusConfig() string {
	s := d.settings
	if interval := d.life.config.ruleConfig(s).interval; interval > 0 {
		s.evalInterval = interval
	}
	var alertmanagers []string
	for _, a := range s.alertmanagers {
		alertmanagers = append(alertmanagers, a.String())
	}
	return prometheusConfig(d.scraper.Config(), s.evalInterval, d.life.identity.labels(), d.life.book.files(), alertmanagers, d.life.config.config())
}

// prometheusConfig joins the engine's own target, in c, with the settings and the
// configuration file, which is nil if there is none. alertmanagers are those of the
// settings.
func prometheusConfig(c config.Config, interval time.Duration, external labels.Labels, ruleFiles, alertmanagers []string, file *config.Config) string {
	c.GlobalConfig.EvaluationInterval = model.Duration(interval)
	c.GlobalConfig.ExternalLabels = external
	// What Prometheus's loader filled in has no meaning here.
	c.Runtime, c.StorageConfig, c.OTLPConfig = config.RuntimeConfig{}, config.StorageConfig{}, config.OTLPConfig{}
	c.RuleFiles = ruleFiles
	if file != nil {
		c.AlertingConfig, c.StorageConfig = file.AlertingConfig, file.StorageConfig
		c.ScrapeConfigs = slices.Clone(c.ScrapeConfigs)
		for _, job := range file.ScrapeConfigs {
			c.ScrapeConfigs = append(c.ScrapeConfigs, portable(*job))
		}
		for _, rw := range file.RemoteWriteConfigs {
			c.RemoteWriteConfigs = append(c.RemoteWriteConfigs, withoutTokens(*rw))
		}
	}
	c.AlertingConfig.AlertmanagerConfigs = slices.Clone(c.AlertingConfig.AlertmanagerConfigs)
	for _, a := range alertmanagers {
		if u, err := url.Parse(a); err == nil {
			c.AlertingConfig.AlertmanagerConfigs = append(c.AlertingConfig.AlertmanagerConfigs, alertmanagerConfig(u))
		}
	}
	return c.String()
}

func alertmanagerConfig(u *url.URL) *config.AlertmanagerConfig {
	a := config.DefaultAlertmanagerConfig
	a.Scheme, a.PathPrefix = u.Scheme, u.Path
	a.ServiceDiscoveryConfigs = discovery.Configs{discovery.StaticConfig{&targetgroup.Group{
		Targets: []model.LabelSet{{model.AddressLabel: model.LabelValue(u.Host)}},
	}}}
	if user := u.User; user != nil {
		a.HTTPClientConfig.BasicAuth = &commonconfig.BasicAuth{Username: user.Username()}
		if password, has := user.Password(); has {
			a.HTTPClientConfig.BasicAuth.Password = commonconfig.Secret(password) // prints as <secret>
		}
	}
	return &a
}

// socketLabel is what Prometheus calls scrape.UnixSocketLabel.
const socketLabel = "__unix_socket__"

// portable is a job with its sockets written as Prometheus has them: not as a target,
// but as a label of a group.
func portable(job config.ScrapeConfig) *config.ScrapeConfig {
	job.ServiceDiscoveryConfigs = slices.Clone(job.ServiceDiscoveryConfigs)
	for i, c := range job.ServiceDiscoveryConfigs {
		static, ok := c.(discovery.StaticConfig)
		if !ok {
			continue
		}
		var groups discovery.StaticConfig
		for _, group := range static {
			rest := &targetgroup.Group{Labels: group.Labels}
			for _, target := range group.Targets {
				u, err := url.Parse(string(target[model.AddressLabel]))
				if err != nil || u.Scheme != "unix" {
					rest.Targets = append(rest.Targets, target)
					continue
				}
				groups = append(groups, &targetgroup.Group{
					Targets: []model.LabelSet{{model.AddressLabel: "localhost"}},
					Labels:  model.LabelSet{socketLabel: model.LabelValue(u.Path)}.Merge(group.Labels),
				})
			}
			if len(rest.Targets) > 0 {
				groups = append(groups, rest)
			}
		}
		job.ServiceDiscoveryConfigs[i] = groups
	}
	return &job
}

// withoutTokens is a remote write whose URL is without parameters, which may be
// tokens. Passwords print as <secret>.
func withoutTokens(rw config.RemoteWriteConfig) *config.RemoteWriteConfig {
	if rw.URL.RawQuery != "" {
		u := *rw.URL.URL
		u.RawQuery = hiddenQuery
		rw.URL = &commonconfig.URL{URL: &u}
	}
	return &rw
}

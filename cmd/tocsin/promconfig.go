package main

import (
	"net/url"
	"slices"

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
	return prometheusConfig(d.scraper.Config(), d.life.config.config(), s, d.life.identity.labels(), d.life.book.files())
}

// prometheusConfig adds to that of the engine's own target what the file says, if there
// is one.
func prometheusConfig(c config.Config, file *config.Config, s settings, external labels.Labels, ruleFiles []string) string {
	// What Prometheus's loader filled in has no meaning here.
	c.Runtime, c.StorageConfig, c.OTLPConfig = config.RuntimeConfig{}, config.StorageConfig{}, config.OTLPConfig{}
	if file != nil {
		c.ScrapeConfigs = append(c.ScrapeConfigs, file.ScrapeConfigs...)
		c.ScrapeConfigFiles = file.ScrapeConfigFiles
		c.AlertingConfig = file.AlertingConfig
		c.AlertingConfig.AlertmanagerConfigs = slices.Clone(file.AlertingConfig.AlertmanagerConfigs)
		c.RemoteWriteConfigs, c.StorageConfig = file.RemoteWriteConfigs, file.StorageConfig
	}
	c.GlobalConfig.EvaluationInterval = model.Duration(s.evalInterval)
	c.GlobalConfig.ExternalLabels = external
	c.RuleFiles = ruleFiles
	for _, a := range s.alertmanagers {
		if u, err := url.Parse(a.String()); err == nil {
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

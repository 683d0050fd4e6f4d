package main

import (
	"net/url"

	commonconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
)

// prometheusConfig is the configuration that would make a Prometheus do what
// Tocsin does; passwords are not in it.
func (d *daemon) prometheusConfig() string {
	var alertmanagers []string
	for _, a := range d.notifier.Status() {
		alertmanagers = append(alertmanagers, a.URL)
	}
	return prometheusConfig(d.scraper.Config(), d.settings, d.life.book.files(), alertmanagers)
}

func prometheusConfig(c config.Config, s settings, ruleFiles, alertmanagers []string) string {
	c.GlobalConfig.EvaluationInterval = model.Duration(s.evalInterval)
	c.GlobalConfig.ExternalLabels = s.externalLabels
	// What Prometheus's loader filled in has no meaning here.
	c.Runtime, c.StorageConfig, c.OTLPConfig = config.RuntimeConfig{}, config.StorageConfig{}, config.OTLPConfig{}
	c.RuleFiles = ruleFiles
	for _, a := range alertmanagers {
		if u, err := url.Parse(a); err == nil && u.Host != "" { // else nobody is found yet
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

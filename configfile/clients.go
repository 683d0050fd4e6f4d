package configfile

import (
	"fmt"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/moby"

	"github.com/tocsin/tocsin/rules"
)

// jobs looks at what jobs need.
func (n *named) jobs(scrapes []*config.ScrapeConfig) {
	for i, s := range scrapes {
		path := fmt.Sprintf("scrape_configs[%d]", i)
		if a := s.HTTPClientConfig.Authorization; a != nil {
			n.must(a.CredentialsFile)
		}
		n.must(s.HTTPClientConfig.TLSConfig.CertFile)
		n.must(s.HTTPClientConfig.TLSConfig.KeyFile)
		n.client(path, s.HTTPClientConfig)
		n.discovered(path, s.ServiceDiscoveryConfigs)
	}
}

// receivers looks at what Alertmanagers and remote write need.
func (n *named) receivers(cfg *config.Config) {
	for i, a := range cfg.AlertingConfig.AlertmanagerConfigs {
		path := fmt.Sprintf("alerting.alertmanagers[%d]", i)
		n.client(path, a.HTTPClientConfig)
		n.discovered(path, a.ServiceDiscoveryConfigs)
	}
	for i, w := range cfg.RemoteWriteConfigs {
		n.client(fmt.Sprintf("remote_write[%d]", i), w.HTTPClientConfig)
	}
}

// discovered looks at what discoveries need.
func (n *named) discovered(path string, configs discovery.Configs) {
	n.targetFiles(configs)
	docker, swarm := 0, 0
	for _, c := range configs {
		switch sd := c.(type) {
		case *moby.DockerSDConfig:
			n.client(fmt.Sprintf("%s.docker_sd_configs[%d]", path, docker), sd.HTTPClientConfig)
			docker++
		case *moby.DockerSwarmSDConfig:
			n.client(fmt.Sprintf("%s.dockerswarm_sd_configs[%d]", path, swarm), sd.HTTPClientConfig)
			swarm++
		}
	}
}

// client looks at the certificates of an HTTP client. Without them whoever is to use
// it does not start, where a password that is not there only fails requests until it
// is.
func (n *named) client(path string, c promconfig.HTTPClientConfig) {
	if !n.Carried {
		return
	}
	n.certificates(path+".tls_config", c.TLSConfig)
	if c.OAuth2 != nil {
		n.certificates(path+".oauth2.tls_config", c.OAuth2.TLSConfig)
	}
}

func (n *named) certificates(path string, c promconfig.TLSConfig) {
	files := []string{c.CAFile, c.CertFile, c.KeyFile}
	missing := false
	for _, file := range files {
		missing = !n.must(file) || missing
	}
	if missing || c.CARef+c.CertRef+c.KeyRef != "" {
		return // a problem of its own
	}
	if _, err := promconfig.NewTLSConfig(&c); err != nil {
		for _, file := range files {
			if file != "" { // when it is mended, the verdict is another one
				content, err := readBounded(file)
				n.file.sources.content(file, content, err)
			}
		}
		at, _ := n.tree.at(path)
		n.add(rules.Problem{File: n.tree.path, Pos: at.pos(), Field: path, Msg: message(err), Hint: hint(message(err))})
	}
}

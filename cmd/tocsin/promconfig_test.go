package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/configfile"
	"github.com/tocsin/tocsin/scrape"
)

// What is shown as configuration is one that Prometheus reads, without secrets.
func TestPrometheusConfig(t *testing.T) {
	for _, target := range []string{"unix:///run/docker/metrics.sock", "https://u:secret@h:9323/m?x=1"} {
		u, err := scrape.ParseURL(target)
		if err != nil {
			t.Fatal(err)
		}
		scraper, err := scrape.New(scrape.Options{Target: scrape.Target{URL: u, Job: "docker", Instance: "edge-17"}, Interval: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		text := prometheusConfig(scraper.Config(), 20*time.Second, labels.FromStrings("host", "edge-17"), []string{"/rules/a.yml"}, []string{"http://u:secret@am:9093/prefix", "https://am2"}, nil)
		if strings.Contains(text, "secret@") || strings.Contains(text, "password: secret") {
			t.Errorf("a password:\n%s", text)
		}
		c, err := config.Load(text, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		for _, want := range []string{
			"scrape_interval: 5s", "evaluation_interval: 20s", "host: edge-17", "- /rules/a.yml", "path_prefix: /prefix", "- am:9093", "- am2",
			"job_name: docker", "instance: edge-17",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
		if len(c.AlertingConfig.AlertmanagerConfigs) != 2 || len(c.ScrapeConfigs) != 1 {
			t.Errorf("read back: %+v", c)
		}
		if u.Scheme == "unix" && !strings.Contains(text, "__unix_socket__: /run/docker/metrics.sock") {
			t.Errorf("no socket in\n%s", text)
		}
	}
}

// The parts of a configuration file stand beside the settings; sockets are written as
// Prometheus reads them.
func TestPrometheusConfigOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yml")
	const content = `
storage: {tsdb: {retention: {time: 3d}}}
scrape_configs:
- job_name: app
  static_configs: [{targets: ["unix:///run/app.sock", "app:80"], labels: {site: harbour}}]
  bearer_token: hunter2
alerting:
  alertmanagers: [{static_configs: [{targets: ["am3:9093"]}], basic_auth: {username: u, password: hunter2}}]
remote_write: [{url: "http://u:hunter2@mimir/push?token=hunter2"}]
`
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	f := configfile.Check(path, configfile.Options{Carried: true})
	if len(f.Problems) > 0 {
		t.Fatal(f.Problems)
	}
	own := config.Config{ScrapeConfigs: []*config.ScrapeConfig{{JobName: "docker", MetricsPath: "/metrics"}}}
	for range 2 { // the file's own is not changed by it
		text := prometheusConfig(own, time.Minute, labels.EmptyLabels(), nil, []string{"http://am1"}, f.Config)
		c, err := config.Load(text, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if strings.Contains(text, "hunter2") {
			t.Errorf("a secret in\n%s", text)
		}
		if len(c.ScrapeConfigs) != 2 || len(c.AlertingConfig.AlertmanagerConfigs) != 2 || len(c.RemoteWriteConfigs) != 1 {
			t.Errorf("read back:\n%s", text)
		}
		for _, want := range []string{"__unix_socket__: /run/app.sock", "- app:80", "time: 3d", "- am3:9093", "- am1"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
	}
	if len(own.ScrapeConfigs) != 1 || len(f.Config.AlertingConfig.AlertmanagerConfigs) != 1 {
		t.Error("what it was made of has changed")
	}
}

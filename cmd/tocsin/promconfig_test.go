package main

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"

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
		s := settings{evalInterval: 20 * time.Second}
		if err := parseAlertmanagers(&s, "http://u:secret@am:9093/prefix,https://am2"); err != nil {
			t.Fatal(err)
		}
		text := prometheusConfig(scraper.Config(), nil, s, labels.FromStrings("host", "edge-17"), []string{"/rules/a.yml"})
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

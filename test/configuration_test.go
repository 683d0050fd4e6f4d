package test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// configuration is what an operator mounts by CONFIG_PATH: more targets, an Alertmanager
// by discovery, rules and labels, all by paths relative to it.
const configuration = `global:
  scrape_interval: 1s
  external_labels: {site: harbour}
rule_files: [rules/*.yml]
scrape_configs:
  - job_name: boiler
    file_sd_configs: [{files: [targets/*.yml], refresh_interval: 1s}]
  - job_name: socket
    static_configs: [{targets: ['unix:///run/docker/metrics.sock']}]
alerting:
  alertmanagers:
    - file_sd_configs: [{files: [alertmanagers.yml]}]
`

const boilerRules = `groups:
- name: boiler
  rules:
  - {alert: BoilerHot, expr: boiler_celsius > 90}
  - {alert: SocketScraped, expr: 'engine_daemon_engine_info{job="socket"} == 1'}
`

// mount makes the directory of CONFIG_PATH.
func mount(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, text)
	}
	return dir
}

// TestConfigurationFile: a Prometheus configuration file, mounted into the plugin of a
// real engine, adds targets, a socket among them, and an Alertmanager. A bad edit is told
// with its place and changes nothing, over a restart of the plugin too. A target that
// fails ends no alert; one that answers does.
func TestConfigurationFile(t *testing.T) {
	e, am := sharedEngine(t), startAlertmanager(t)
	var celsius atomic.Int64
	celsius.Store(95)
	boiler := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if c := celsius.Load(); c != 0 {
			fmt.Fprintf(w, "boiler_celsius %d\n", c)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer boiler.Close()
	dir := mount(t, map[string]string{
		"prometheus.yml": configuration, "rules/boiler.yml": boilerRules,
		"targets/boiler.yml": "- {targets: ['" + strings.TrimPrefix(boiler.URL, "http://") + "'], labels: {instance: boiler}}\n",
		"alertmanagers.yml":  "- {targets: ['" + strings.TrimPrefix(am.url, "http://") + "']}\n",
	})
	p := installPlugin(t, e)
	p.set(t, "CONFIG_PATH="+dir, "RESEND_DELAY=10s")
	p.enable(t)
	got := am.received(t, 20*time.Second, "BoilerHot")
	sameMap(t, "labels", got.Labels, map[string]string{
		"alertname": "BoilerHot", "job": "boiler", "instance": "boiler", "host": hostname(t), "engine_id": e.id(t), "site": "harbour",
	})
	am.received(t, 20*time.Second, "SocketScraped")

	writeFile(t, filepath.Join(dir, "prometheus.yml"), strings.Replace(configuration, "site: harbour", "site: harbour, -: 1", 1)+"remote_read: []\n")
	told := "/run/tocsin/config/prometheus.yml:"
	shown := func() error {
		body, err := p.get("/status")
		if err == nil && !(strings.Contains(body, told) && strings.Contains(body, "its last good version is in effect")) {
			err = fmt.Errorf("no %s on the page", told)
		}
		return err
	}
	eventually(t, 15*time.Second, "the page says what is wrong", shown)
	p.disable(t)
	p.enable(t)
	eventually(t, 15*time.Second, "after a restart too", shown)
	am.refreshed(t, "BoilerHot", time.Now())

	// What the new process has not scraped yet it cannot miss: what was stored before is
	// still current.
	enabled := time.Now()
	eventually(t, 20*time.Second, "the boiler is scraped again", func() error {
		times, err := p.times(`boiler_celsius{job="boiler"}`, time.Minute)
		if err == nil && (len(times) == 0 || !times[len(times)-1].After(enabled)) {
			err = fmt.Errorf("samples at %v", times)
		}
		return err
	})
	celsius.Store(0)
	eventually(t, 15*time.Second, "the alert is held", func() error {
		var held []ruleAlert
		err := p.api("/api/v1/tocsin/alerts?state=held", &held)
		if err == nil && (len(held) != 1 || held[0].Labels["alertname"] != "BoilerHot") {
			err = fmt.Errorf("held: %+v", held)
		}
		return err
	})
	am.refreshed(t, "BoilerHot", time.Now())
	if n := am.webhook.count("resolved", "BoilerHot"); n != 0 {
		t.Errorf("%d resolved notifications of an alert whose target does not answer", n)
	}
	celsius.Store(60)
	am.resolved(t, 20*time.Second, "BoilerHot")
	if n := am.webhook.count("firing", "BoilerHot"); n != 1 {
		t.Errorf("%d notifications, want 1", n)
	}
}

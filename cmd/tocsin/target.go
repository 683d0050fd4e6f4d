package main

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/scrape"
)

// Jobs: the label job of what is scraped.
const (
	engineJob = "docker"
	selfJob   = "tocsin"
)

// probeTimeout is for each place where an engine may answer.
const probeTimeout = time.Second

// pickTarget is what METRICS_URL names. Standalone and without it, the first
// place where a Docker engine gives its metrics, else Tocsin itself.
func pickTarget(ctx context.Context, s settings) scrape.Target {
	if s.metricsURL != nil {
		return scrape.Target{URL: s.metricsURL, Job: engineJob, Instance: hostname()}
	}
	for _, place := range []string{pluginMetrics, "http://127.0.0.1:9323/metrics"} {
		u, err := scrape.ParseURL(place)
		if err == nil && answers(ctx, u) {
			return scrape.Target{URL: u, Job: engineJob, Instance: hostname()}
		}
	}
	host, port, err := net.SplitHostPort(s.listenAddress)
	if err != nil { // there is no page: an engine may still come up
		return scrape.Target{URL: &url.URL{Scheme: "unix", Path: strings.TrimPrefix(pluginMetrics, "unix://")}, Job: engineJob, Instance: hostname()}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	self := &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/metrics"}
	return scrape.Target{URL: self, Job: selfJob, Instance: hostname()}
}

// ownMetrics begin the names of what is stored of Tocsin itself: what self-alerts
// and a look back need.
var ownMetrics = []string{
	"tocsin_", "prometheus_notifications_", "prometheus_rule_group_iterations_missed_total",
	"prometheus_config_last_reload_", "process_resident_memory_bytes", "process_cpu_seconds_total", "process_start_time_seconds",
}

// ownTarget is Tocsin as its own target; nil where its alerts are off, and where
// it is the target anyway.
func ownTarget(s settings, t scrape.Target, g prometheus.Gatherer, to storage.AppendableV2) *scrape.Self {
	if !s.selfAlerts || t.Job == selfJob {
		return nil
	}
	return &scrape.Self{Gatherer: g, Appendable: to, Job: selfJob, Instance: hostname(), Prefixes: ownMetrics}
}

// answers tells whether metrics are served at u.
func answers(ctx context.Context, u *url.URL) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	target := u.String()
	if u.Scheme == "unix" {
		target = "http://localhost/metrics"
		client.Transport = &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", u.Path)
			},
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

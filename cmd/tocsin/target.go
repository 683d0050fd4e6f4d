package main

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"time"

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
	_, port, _ := net.SplitHostPort(s.listenAddress) // has been checked
	self := &url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", port), Path: "/metrics"}
	return scrape.Target{URL: self, Job: selfJob, Instance: hostname()}
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

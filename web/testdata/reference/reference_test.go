// Package reference runs Prometheus's own API over the series of series.txt and
// writes what it answers to the requests of requests.txt into answers.txt: what
// Tocsin's API must answer too. It is a module of its own, as Prometheus's API brings modules that
// Tocsin does not have. Run it with go test in this directory, and look at the
// difference.
package reference

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/index"
	"github.com/prometheus/prometheus/util/teststorage"
	v1 "github.com/prometheus/prometheus/web/api/v1"
)

func TestWriteAnswers(t *testing.T) {
	series, err := os.ReadFile("series.txt")
	if err != nil {
		t.Fatal(err)
	}
	h := newAPI(t, promqltest.LoadedStorage(t, string(series), func(o *tsdb.Options) {
		o.EnableExemplarStorage, o.MaxExemplars = false, 0 // the defaults of the server
	}))
	f, err := os.Open("requests.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var answers []byte
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		name, rest, _ := strings.Cut(lines.Text(), " ")
		method, rest, _ := strings.Cut(rest, " ")
		path, form, _ := strings.Cut(rest, " ")
		r := httptest.NewRequest(method, path, strings.NewReader(form))
		if form != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		answers = fmt.Appendf(answers, "%s %d %s\n", name, w.Code, w.Body)
	}
	if err := os.WriteFile("answers.txt", answers, 0o644); err != nil {
		t.Fatal(err)
	}
}

func newAPI(t *testing.T, st *teststorage.TestStorage) http.Handler {
	engine := promql.NewEngine(promql.EngineOpts{
		Logger: slog.New(slog.DiscardHandler), MaxSamples: 50_000_000, Timeout: 2 * time.Minute, LookbackDelta: 5 * time.Minute,
		EnableAtModifier: true, EnableNegativeOffset: true,
		NoStepSubqueryIntervalFn: func(int64) int64 { return 15_000 },
	})
	reg := prometheus.NewRegistry()
	chunks := prometheus.NewGauge(prometheus.GaugeOpts{Name: "prometheus_tsdb_head_chunks"})
	chunks.Set(12)
	reg.MustRegister(chunks)
	api := v1.NewAPI(engine, st, nil, st,
		nil,
		func(context.Context) v1.TargetRetriever { return newTargets() },
		func(context.Context) v1.AlertmanagerRetriever { return alertmanagers{} },
		func() config.Config { return config.Config{} },
		map[string]string{"rules.path": "/rules", "log.level": "info"},
		v1.GlobalURLOptions{ListenAddress: "127.0.0.1:9193", Host: "edge-17:9193", Scheme: "http"},
		func(f http.HandlerFunc) http.HandlerFunc { return f },
		admin{}, "", false, false, 0, slog.New(slog.DiscardHandler), nil,
		0, 0, 0, false, nil,
		func() (v1.RuntimeInfo, error) { return v1.RuntimeInfo{}, nil },
		&v1.PrometheusVersion{Version: "3.16.0"},
		nil, nil, reg, nil, nil, false, nil, false, false, false, 5*time.Minute, false, false,
		nil, nil, v1.OpenAPIOptions{}, nil, false, 0)
	r := route.New()
	api.Register(r)
	return r
}

// targets are one target, and what it has said of its metrics.
type targets struct{ one *scrape.Target }

func newTargets() targets {
	cfg := &config.ScrapeConfig{JobName: "docker", ScrapeInterval: model.Duration(15 * time.Second), ScrapeTimeout: model.Duration(10 * time.Second), MetricsPath: "/metrics", Scheme: "http"}
	discovered := model.LabelSet{"__address__": "localhost:9323", "instance": "edge-17"}
	t := scrape.NewTarget(labels.FromStrings(
		"__address__", "localhost:9323", "__metrics_path__", "/metrics", "__scheme__", "http",
		"__scrape_interval__", "15s", "__scrape_timeout__", "10s", "instance", "edge-17", "job", "docker",
	), cfg, discovered, nil)
	t.SetMetadataStore(said{})
	t.Report(time.Date(2026, 11, 22, 3, 12, 36, 0, time.UTC), 5*time.Millisecond, errors.New("connection refused"))
	return targets{t}
}

func (t targets) TargetsActive() map[string][]*scrape.Target {
	return map[string][]*scrape.Target{"docker": {t.one}}
}
func (targets) TargetsDropped() map[string][]*scrape.Target { return nil }
func (targets) TargetsDroppedCounts() map[string]int        { return map[string]int{"docker": 0} }
func (targets) ScrapePoolConfig(string) (*config.ScrapeConfig, error) {
	return nil, errors.ErrUnsupported
}

type said struct{}

func (said) ListMetadata() []scrape.MetricMetadata {
	return []scrape.MetricMetadata{
		{MetricFamily: "temp", Type: "gauge", Help: "How <warm> it is.", Unit: "celsius"},
		{MetricFamily: "ticks", Type: "counter"},
	}
}

func (s said) GetMetadata(name string) (scrape.MetricMetadata, bool) {
	for _, m := range s.ListMetadata() {
		if m.MetricFamily == name {
			return m, true
		}
	}
	return scrape.MetricMetadata{}, false
}
func (said) SizeMetadata() int   { return 0 }
func (said) LengthMetadata() int { return 0 }

type alertmanagers struct{}

func (alertmanagers) Alertmanagers() []*url.URL {
	return []*url.URL{{Scheme: "http", Host: "am:9093", Path: "/prefix/api/v2/alerts"}}
}
func (alertmanagers) DroppedAlertmanagers() []*url.URL { return nil }

// admin has the numbers of a head.
type admin struct{ v1.TSDBAdminStats }

func (admin) Stats(_ string, limit int) (*tsdb.Stats, error) {
	return &tsdb.Stats{NumSeries: 5, MinTime: 1000, MaxTime: 2000, IndexPostingStats: &index.PostingsStats{
		CardinalityMetricsStats: []index.Stat{{Name: "up", Count: 3}, {Name: "temp", Count: 2}}[:min(limit, 2)],
		CardinalityLabelStats:   []index.Stat{{Name: "job", Count: 2}},
		LabelValueStats:         []index.Stat{{Name: "job", Count: 40}},
		LabelValuePairsStats:    []index.Stat{{Name: "job=docker", Count: 4}},
		NumLabelPairs:           7,
	}}, nil
}

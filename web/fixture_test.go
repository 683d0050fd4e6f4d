package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/rules"
)

// now is the time of all tests.
var now = time.Date(2026, 11, 22, 3, 12, 40, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

func mustExpr(s string) parser.Expr {
	e, err := parser.NewParser(parser.Options{}).ParseExpr(s)
	if err != nil {
		panic(err)
	}
	return e
}

// fixture is a snapshot with one of everything. testdata/rules.json and
// alerts.json are the same data through Prometheus 3.16's own types and encoder.
func fixture() *engine.Snapshot {
	evaluated := time.Date(2026, 11, 22, 3, 12, 36, 123456789, time.UTC)
	return &engine.Snapshot{At: evaluated, Groups: []engine.GroupStatus{
		{
			Name: "docker", File: "/rules/docker.yml", Interval: 15 * time.Second, Limit: 10,
			LastEvaluation: evaluated, EvaluationTime: 6250 * time.Microsecond,
			Rules: []engine.RuleStatus{
				{
					Rule: &rules.Rule{
						Alert: "Stopped", Expr: mustExpr("running  == 0"), ExprText: "running  == 0",
						For: 5 * time.Minute, KeepFiringFor: 90 * time.Second,
						Labels:      labels.FromStrings("severity", "critical"),
						Annotations: labels.FromStrings("summary", "No <b>container</b> & {{ $labels.job }}"),
						Pos:         rules.Position{Line: 4, Column: 7},
					},
					Health: engine.HealthOK, LastEvaluation: evaluated, EvaluationTime: 812 * time.Microsecond, State: alert.Firing,
					Alerts: []alert.Alert{
						{
							State: alert.Firing, Labels: labels.FromStrings("alertname", "Stopped", "job", "a", "severity", "critical"),
							Annotations: labels.FromStrings("summary", "No container"),
							Value:       0, ActiveAt: time.Date(2026, 11, 22, 3, 0, 6, 123456789, time.UTC), FiredAt: ago(7 * time.Minute),
							KeepFiringSince: time.Date(2026, 11, 22, 3, 12, 6, 0, time.UTC),
						},
						{
							State: alert.Inactive, Labels: labels.FromStrings("alertname", "Stopped", "job", "b", "severity", "critical"),
							ActiveAt: ago(time.Hour), FiredAt: ago(50 * time.Minute), ResolvedAt: ago(9 * time.Minute),
						},
						{
							State: alert.Pending, Labels: labels.FromStrings("alertname", "Stopped", "job", "c", "severity", "critical"),
							Value: 12345.678, ActiveAt: ago(time.Minute),
						},
					},
				},
				{
					Rule:   &rules.Rule{Record: "job:up:sum", Expr: mustExpr("sum by(job) (up)"), ExprText: "sum(up)by(job)"},
					Health: engine.HealthErr, LastError: "it broke", LastEvaluation: evaluated, EvaluationTime: time.Millisecond,
				},
			},
		},
		{
			Name: "new", File: "/rules/new.yml", Interval: time.Minute,
			Rules: []engine.RuleStatus{{
				Rule:   &rules.Rule{Alert: "Fresh", Expr: mustExpr("vector(1)"), ExprText: "vector(1)", Labels: labels.FromStrings("team", "edge")},
				Health: engine.HealthUnknown,
			}},
		},
	}}
}

func fixtureStatus() Status {
	return Status{
		State: Running, Since: ago(time.Hour), Version: "1.2.3",
		ExternalLabels: labels.FromStrings("host", "edge-17"),
		Targets:        []Target{{Job: "docker", Instance: "edge-17", URL: "unix:///run/docker/metrics.sock", Health: Up, LastScrape: ago(4 * time.Second), LastScrapeDuration: 5 * time.Millisecond, Interval: 15 * time.Second}},
		Alertmanagers:  []Alertmanager{{URL: "http://am:9093", LastSuccess: ago(time.Minute), LastAttempt: ago(time.Minute), Sent: 3}},
		Storage:        Storage{Mode: "disk", Path: "/data", Bytes: 5 << 20, RetentionTime: 15 * 24 * time.Hour},
		Settings:       []Setting{{"RULES_PATH", "/rules", "environment", "rules.path"}, {"LOG_LEVEL", "info", "default", "log.level"}},
	}
}

// answer is a Query that always finds this value.
func answer(v parser.Value, notes annotations.Annotations) func(context.Context, engine.Query) (engine.Result, error) {
	return func(context.Context, engine.Query) (engine.Result, error) {
		return engine.Result{Value: v, Notes: notes}, nil
	}
}

func failing(err error) func(context.Context, engine.Query) (engine.Result, error) {
	return func(context.Context, engine.Query) (engine.Result, error) { return engine.Result{}, err }
}

// closedStorage has no querier for anybody.
type closedStorage struct{}

func (closedStorage) Querier(int64, int64) (storage.Querier, error) { return nil, ErrUnavailable }

// newHandler fills the options that a test does not care for.
func newHandler(t *testing.T, opts Options) *Handler {
	t.Helper()
	if opts.Snapshot == nil {
		opts.Snapshot = fixture
	}
	if opts.Status == nil {
		opts.Status = fixtureStatus
	}
	if opts.Query == nil {
		opts.Query = answer(promql.Vector{}, nil)
	}
	if opts.Queryable == nil {
		opts.Queryable = closedStorage{}
	}
	if opts.Gatherer == nil {
		opts.Gatherer = prometheus.NewRegistry()
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = func() time.Time { return now }
	}
	h, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(h http.Handler, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request(http.MethodGet, target, ""))
	return w
}

// request is one that a program on the same machine makes; a body is a form.
func request(method, target, form string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(form))
	r.Host = "127.0.0.1:9193"
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

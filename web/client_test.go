package web

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	apiv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// newClient is Prometheus's own client of a handler with the data of the
// reference, and a check of what it gives.
func newClient(t *testing.T) (apiv1.API, func(name string, ok bool, got any, err error)) {
	srv := httptest.NewServer(newReference(t))
	t.Cleanup(srv.Close)
	client, err := api.NewClient(api.Config{Address: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	return apiv1.NewAPI(client), func(name string, ok bool, got any, err error) {
		t.Helper()
		if err != nil || !ok {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// Prometheus's own client reads every answer into its types.
func TestPrometheusClient(t *testing.T) {
	c, check := newClient(t)
	ctx, at := t.Context(), time.Unix(60, 0)
	within := apiv1.Range{Start: time.Unix(0, 0), End: time.Unix(300, 0), Step: 30 * time.Second}
	value, _, _, err := c.Query(ctx, "native", at, apiv1.WithTimeout(time.Second), apiv1.WithLimit(1), apiv1.WithLookbackDelta(time.Minute))
	vector, _ := value.(model.Vector)
	check("query", len(vector) == 1 && vector[0].Histogram != nil, value, err)
	value, _, _, err = c.QueryRange(ctx, "up", within)
	matrix, _ := value.(model.Matrix)
	check("query_range", len(matrix) == 2 && len(matrix[0].Values) == 11, value, err)
	names, _, _, err := c.LabelNames(ctx, []string{"up"}, within.Start, within.End)
	check("labels", len(names) == 3, names, err)
	values, _, _, err := c.LabelValues(ctx, "job", nil, within.Start, within.End)
	check("label values", len(values) == 2, values, err)
	series, _, _, err := c.Series(ctx, []string{"up"}, within.Start, within.End)
	check("series", len(series) == 2, series, err)
	exemplars, err := c.QueryExemplars(ctx, "up", within.Start, within.End)
	check("query_exemplars", len(exemplars) == 0, exemplars, err)
	format, err := c.FormatQuery(ctx, "sum(up)by(job)")
	check("format_query", format == `"sum by (job) (up)"`, format, err)
	if _, _, _, err := c.Query(ctx, "sum(", at); err == nil || err.Error() != `bad_data: invalid parameter "query": 1:5: parse error: unclosed left parenthesis` {
		t.Errorf("error: %v", err)
	}
}

func TestPrometheusClientStatus(t *testing.T) {
	c, check := newClient(t)
	ctx := t.Context()
	metadata, err := c.Metadata(ctx, "", "")
	check("metadata", metadata["temp"][0].Unit == "celsius", metadata, err)
	ofTargets, err := c.TargetsMetadata(ctx, "", "", "")
	check("targets/metadata", len(ofTargets) == 2, ofTargets, err)
	targets, err := c.Targets(ctx)
	check("targets", len(targets.Active) == 1 && targets.Active[0].Health == apiv1.HealthBad, targets, err)
	managers, err := c.AlertManagers(ctx)
	check("alertmanagers", len(managers.Active) == 1, managers, err)
	rules, err := c.Rules(ctx, []string{`{severity=~".+"}`})
	check("rules", len(rules.Groups) == 1, rules, err)
	alerts, err := c.Alerts(ctx)
	check("alerts", len(alerts.Alerts) == 2, alerts, err)

	build, err := c.Buildinfo(ctx)
	check("buildinfo", build.Version == apiVersion, build, err)
	run, err := c.Runtimeinfo(ctx)
	check("runtimeinfo", run.StorageRetention == "15d" && run.GoroutineCount > 0, run, err)
	config, err := c.Config(ctx)
	check("config", config.YAML != "", config, err)
	flags, err := c.Flags(ctx)
	check("flags", flags["log.level"] == "info", flags, err)
	tsdb, err := c.TSDB(ctx)
	check("tsdb", tsdb.HeadStats.NumSeries == 5, tsdb, err)
}

// The version that clients are told is that of the library: 3.16.0 for v0.316.0.
func TestAPIVersionIsTheLibrarys(t *testing.T) {
	text, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`github\.com/prometheus/prometheus v0\.(\d+)(\d\d)\.(\d+)`).FindSubmatch(text)
	if m == nil {
		t.Fatal("go.mod names no Prometheus")
	}
	if want := fmt.Sprintf("%s.%s.%s", m[1], bytes.TrimPrefix(m[2], []byte("0")), m[3]); apiVersion != want {
		t.Errorf("%s, want %s", apiVersion, want)
	}
}

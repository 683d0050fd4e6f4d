package web

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// grafana makes requests as Grafana's Prometheus data source makes them: its
// server does, by the address in the data source, without Origin.
type grafana struct {
	t    *testing.T
	base string
}

// call asks and returns "data" of the answer, which must be a success.
func (g grafana) call(method, path string, params url.Values) json.RawMessage {
	g.t.Helper()
	target, body := g.base+path, ""
	if method == http.MethodGet {
		target += "?" + params.Encode()
	} else {
		body = params.Encode()
	}
	req, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("User-Agent", "Grafana/12.0.0")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header["Idempotency-Key"] = nil
	}
	resp, err := http.DefaultClient.Do(req) // which asks for gzip, as Grafana's does
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	var answer struct {
		Status string
		Data   json.RawMessage
	}
	if err := json.Unmarshal(text, &answer); err != nil || resp.StatusCode != 200 || answer.Status != "success" {
		g.t.Fatalf("%s %s %v: %s %s", method, path, params, resp.Status, text)
	}
	return answer.Data
}

// list is an answer that is a list of strings.
func (g grafana) list(method, path string, params url.Values) []string {
	g.t.Helper()
	var list []string
	if err := json.Unmarshal(g.call(method, path, params), &list); err != nil {
		g.t.Fatal(err)
	}
	return list
}

type grafanaResult struct {
	ResultType string
	Result     json.RawMessage
}

func (g grafana) result(method, path string, params url.Values) grafanaResult {
	g.t.Helper()
	var r grafanaResult
	if err := json.Unmarshal(g.call(method, path, params), &r); err != nil {
		g.t.Fatal(err)
	}
	return r
}

func newGrafana(t *testing.T) grafana {
	srv := httptest.NewServer(newReference(t))
	t.Cleanup(srv.Close)
	return grafana{t, srv.URL}
}

// "Save & test" evaluates 1+1 at four seconds past 1970, and asks which
// application this is. Anything in "features" would make it a Mimir.
func TestGrafanaSaveAndTest(t *testing.T) {
	g := newGrafana(t)
	if r := g.result("POST", "/api/v1/query", url.Values{"query": {"1+1"}, "time": {"4"}}); r.ResultType != "scalar" || string(r.Result) != `[4,"2"]` {
		t.Errorf("health check: %+v", r)
	}
	var build struct {
		Version  string
		Features map[string]string
	}
	if err := json.Unmarshal(g.call("GET", "/api/v1/status/buildinfo", nil), &build); err != nil {
		t.Fatal(err)
	}
	if build.Version != apiVersion || len(build.Features) > 0 {
		t.Errorf("build: %+v", build)
	}
}

func TestGrafanaPanels(t *testing.T) {
	g := newGrafana(t)
	r := g.result("POST", "/api/v1/query_range", url.Values{
		"query": {"sum by(code) (rate(requests_total[1m]))"}, "start": {"60"}, "end": {"120"}, "step": {"15"}, "timeout": {"60s"},
	})
	var matrix []struct {
		Metric map[string]string
		Values [][2]any
	}
	if err := json.Unmarshal(r.Result, &matrix); err != nil || r.ResultType != "matrix" || len(matrix) != 2 || len(matrix[0].Values) != 5 {
		t.Fatalf("range query: %v, %+v", err, r)
	}
	if at, ok := matrix[0].Values[0][0].(float64); !ok || at != 60 {
		t.Errorf("first point: %v", matrix[0].Values[0])
	}
	for _, method := range []string{"GET", "POST"} {
		if r := g.result(method, "/api/v1/query", url.Values{"query": {"up"}, "time": {"60.123"}}); r.ResultType != "vector" {
			t.Errorf("%s instant query: %+v", method, r)
		}
		if r := g.result(method, "/api/v1/query_range", url.Values{"query": {"native"}, "start": {"0.5"}, "end": {"60"}, "step": {"0.25"}}); !strings.Contains(string(r.Result), `"histograms"`) {
			t.Errorf("%s native histogram: %+v", method, r)
		}
	}
	// It asks once whether there are exemplars; with times in milliseconds.
	if got := g.call("POST", "/api/v1/query_exemplars", url.Values{"query": {"test"}, "start": {"1763781160000"}, "end": {"1763782960000"}}); string(got) != "[]" {
		t.Errorf("exemplars: %s", got)
	}
}

func TestGrafanaQueryEditor(t *testing.T) {
	g := newGrafana(t)
	within := func(more ...string) url.Values {
		v := url.Values{"start": {"0"}, "end": {"300"}}
		for i := 0; i < len(more); i += 2 {
			v.Add(more[i], more[i+1])
		}
		return v
	}
	for _, tt := range []struct {
		method, path string
		params       url.Values
		want         []string
	}{
		{"GET", "/api/v1/label/__name__/values", within("limit", "40000"), []string{"disk read.bytes", "requests_total", "up"}},
		{"GET", "/api/v1/label/job/values", within("match[]", `up{instance="h1"}`, "limit", "40000"), []string{"docker"}},
		{"GET", "/api/v1/label/U__d_e4_ta_20_path/values", within(), []string{`/a/b "c" <d>&`}},
		{"POST", "/api/v1/labels", within("limit", "40000"), []string{"__name__", "instance", "job"}},
		{"POST", "/api/v1/labels", within("match[]", "requests_total", "match[]", "up"), []string{"code", "instance"}},
		{"GET", "/api/v1/labels", within("match[]", `{__name__=~".*requests.*"}`), []string{"code"}},
	} {
		got := g.list(tt.method, tt.path, tt.params)
		for _, want := range tt.want {
			if !slices.Contains(got, want) {
				t.Errorf("%s %s %v: %q lacks %q", tt.method, tt.path, tt.params, got, want)
			}
		}
	}
	var series []map[string]string
	if err := json.Unmarshal(g.call("POST", "/api/v1/series", within("match[]", `{__name__!=""}`, "limit", "40000")), &series); err != nil || len(series) < 10 {
		t.Errorf("series: %v, %v", err, series)
	}
	var metadata map[string][]struct{ Type, Help, Unit string }
	if err := json.Unmarshal(g.call("GET", "/api/v1/metadata", nil), &metadata); err != nil || metadata["temp"][0].Type != "gauge" {
		t.Errorf("metadata: %v, %v", err, metadata)
	}
	if err := json.Unmarshal(g.call("GET", "/api/v1/metadata", url.Values{"limit": {"1"}}), &metadata); err != nil {
		t.Error(err)
	}
}

// The data source reads recording rules for its hints; the alert list reads
// groups in pages, with parameters that only other rulers know.
func TestGrafanaAlerting(t *testing.T) {
	g := newGrafana(t)
	for _, params := range []url.Values{nil, {"type": {"alert"}, "group_limit": {"40"}, "limit_alerts": {"16"}, "state": {"firing"}}} {
		var rules struct {
			Groups []struct {
				Name, File string
				Rules      []struct {
					Name, Query, Type, State, Health string
					Alerts                           []struct{ State, ActiveAt, Value string }
				}
			}
		}
		if err := json.Unmarshal(g.call("GET", "/api/v1/rules", params), &rules); err != nil {
			t.Fatal(err)
		}
		if first := rules.Groups[0]; first.Name != "docker" || first.Rules[0].Type != "alerting" || first.Rules[0].Alerts[0].State != "firing" {
			t.Errorf("%v: %+v", params, rules)
		}
	}
	if got := g.call("GET", "/api/v1/alerts", nil); !strings.Contains(string(got), `"alertname":"Stopped"`) {
		t.Errorf("alerts: %s", got)
	}
}

// What fails with a POST is tried again with a GET, so its status matters.
func TestGrafanaSeesErrors(t *testing.T) {
	h := newReference(t)
	for _, tt := range []struct {
		method, target, form string
		code                 int
	}{
		{"POST", "/api/v1/query", "query=sum(", 400}, {"POST", "/api/v1/metadata", "limit=1", 405}, {"POST", "/api/v1/rules", "type=alert", 405},
		{"POST", "/api/v1/query", "query=label_replace(up,%22a%22,%22b%22,%22c%22,%22(%22)", 422}, {"GET", "/api/v1/resources", "", 404},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request(tt.method, tt.target, tt.form))
		if w.Code != tt.code {
			t.Errorf("%s %s %s: %d, want %d", tt.method, tt.target, tt.form, w.Code, tt.code)
		}
	}
}

package web

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tocsin/tocsin/engine"
)

func TestNewRejects(t *testing.T) {
	if _, err := New(Options{}); err == nil || !strings.Contains(err.Error(), "Snapshot, Status, Query and Queryable are required") {
		t.Errorf("no sources: %v", err)
	}
	opts := newHandler(t, Options{}).opts
	opts.Gatherer = nil
	if _, err := New(opts); err == nil || !strings.Contains(err.Error(), "no gatherer") {
		t.Errorf("no gatherer: %v", err)
	}
	opts = newHandler(t, Options{}).opts
	opts.Logger = nil
	if _, err := New(opts); err == nil || !strings.Contains(err.Error(), "no logger") {
		t.Errorf("no logger: %v", err)
	}
}

// routeTests are all routes, each by a method that it takes and by one that it
// does not.
var routeTests = []struct {
	method, path string
	code         int
	allow        string
}{
	{"GET", "/", 200, ""},
	{"HEAD", "/", 200, ""},
	{"GET", "/metrics", 200, ""},
	{"GET", "/-/healthy", 200, ""},
	{"GET", "/-/ready", 200, ""},
	{"GET", "/api/v1/query?query=1", 200, ""},
	{"POST", "/api/v1/query?query=1", 200, ""},
	{"POST", "/", 405, "GET, HEAD"},
	{"POST", "/metrics", 405, "GET, HEAD"},
	{"PUT", "/-/healthy", 405, "GET, HEAD"},
	{"POST", "/-/ready", 405, "GET, HEAD"},
	{"POST", "/graph", 405, "GET, HEAD"},
	{"POST", "/api/v1/alerts", 405, "GET, HEAD"},
	{"DELETE", "/api/v1/rules", 405, "GET, HEAD"},
	{"PUT", "/api/v1/query", 405, "GET, HEAD, POST"},
	{"GET", "/favicon.ico", 404, ""},
	{"GET", "/api/v1/", 404, ""},
	{"GET", "/api/v1/query/", 404, ""},
	{"POST", "/-/reload", 403, ""},
	{"GET", "/-/reload", 405, "POST, PUT"},
	{"POST", "/api/v1/query_range?query=1&start=0&end=1&step=1", 200, ""},
	{"POST", "/api/v1/format_query?query=1", 200, ""},
	{"GET", "/api/v1/parse_query?query=1", 200, ""},
	{"POST", "/api/v1/query_exemplars?query=1", 200, ""},
	{"GET", "/api/v1/series?match[]=up", 503, ""},
	{"POST", "/api/v1/labels", 503, ""},
	{"GET", "/api/v1/label/job/values", 503, ""},
	{"POST", "/api/v1/label/job/values", 405, "GET, HEAD"},
	{"GET", "/api/v1/metadata", 200, ""},
	{"POST", "/api/v1/metadata", 405, "GET, HEAD"},
	{"HEAD", "/api/v1/targets", 200, ""},
	{"GET", "/api/v1/targets/metadata", 200, ""},
	{"GET", "/api/v1/alertmanagers", 200, ""},
	{"GET", "/api/v1/status/buildinfo", 200, ""},
	{"GET", "/api/v1/status/runtimeinfo", 200, ""},
	{"GET", "/api/v1/status/config", 200, ""},
	{"GET", "/api/v1/status/flags", 200, ""},
	{"GET", "/api/v1/status/tsdb", 503, ""},
	{"OPTIONS", "/api/v1/query", 405, "GET, HEAD, POST"},
	{"POST", "/api/v1/write", 404, ""},
	{"GET", "/api/v1/write", 405, "POST"},
	{"POST", "/api/v1/read", 404, ""},
	{"POST", "/api/v1/admin/tsdb/delete_series", 404, ""},
	{"GET", "/debug/pprof/", 404, ""},
}

func TestRoutesAndMethods(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := newHandler(t, Options{Gatherer: reg, Registerer: reg})
	for _, tt := range routeTests {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request(tt.method, tt.path, ""))
		if w.Code != tt.code || w.Header().Get("Allow") != tt.allow {
			t.Errorf("%s %s: %d, Allow %q, want %d, %q", tt.method, tt.path, w.Code, w.Header().Get("Allow"), tt.code, tt.allow)
		}
		checkHeaders(t, tt.path, w.Header())
	}
	for labels, want := range map[[2]string]float64{
		{"/", "200"}: 2, {"/api/v1/query", "200"}: 2, {otherRoute, "404"}: 6, {"/graph", "200"}: 0, {"/api/v1/label/:name/values", "503"}: 1,
	} {
		if got := testutil.ToFloat64(h.metrics.requests.WithLabelValues(labels[:]...)); got != want {
			t.Errorf("count of %v = %v, want %v", labels, got, want)
		}
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v %v", problems, err)
	}
	if page := get(h, "/metrics").Body.String(); !strings.Contains(page, `prometheus_http_requests_total{code="200",handler="/"} 2`) {
		t.Errorf("/metrics lacks our own:\n%s", page)
	}
}

func checkHeaders(t *testing.T, path string, h http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %s %q, want %q", path, name, got, want)
		}
	}
	csp := h.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("%s: policy %q", path, csp)
	}
}

func TestReady(t *testing.T) {
	for state, want := range map[State]int{Idle: 503, "": 503, Running: 200, Paused: 200} {
		h := newHandler(t, Options{Status: func() Status { return Status{State: state} }})
		w := get(h, "/-/ready")
		if w.Code != want {
			t.Errorf("%q: %d %q, want %d", state, w.Code, w.Body, want)
		}
		if want == 503 && !strings.Contains(w.Body.String(), waitingText) {
			t.Errorf("%q: %q does not say why", state, w.Body)
		}
		if w := get(h, "/-/healthy"); w.Code != 200 {
			t.Errorf("%q: healthy answers %d", state, w.Code)
		}
	}
}

func TestPanicIsAnswered(t *testing.T) {
	var logs bytes.Buffer
	h := newHandler(t, Options{
		Logger:   slog.New(slog.NewTextHandler(&logs, nil)),
		Snapshot: func() *engine.Snapshot { panic("out of cheese") },
	})
	w := get(h, "/api/v1/alerts")
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "cheese") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	for _, want := range []string{"request panicked", "out of cheese", "path=/api/v1/alerts", "handler_test.go"} {
		if !strings.Contains(logs.String(), want) {
			t.Errorf("log lacks %q:\n%s", want, logs.String())
		}
	}
	if got := testutil.ToFloat64(h.metrics.panics); got != 1 {
		t.Errorf("%v panics counted, want 1", got)
	}
	if w := get(h, "/-/healthy"); w.Code != http.StatusOK {
		t.Errorf("after a panic: %d", w.Code)
	}
}

func TestBodyLimit(t *testing.T) {
	h := newHandler(t, Options{})
	for name, tt := range map[string]struct {
		contentType, body string
		code              int
	}{
		"form":         {"application/x-www-form-urlencoded", "query=" + strings.Repeat("1", maxForm), 413},
		"multipart":    {"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n" + strings.Repeat("1", maxForm) + "\r\n--b--\r\n", 413},
		"small one":    {"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n1\r\n--b--\r\n", 200},
		"broken one":   {"multipart/form-data; boundary=b", "garbage", 400},
		"broken form":  {"application/x-www-form-urlencoded", "query=%zz", 400},
		"another type": {"text/plain", strings.Repeat("1", maxForm+1), 200},
	} {
		r := request(http.MethodPost, "/api/v1/query?query=1", tt.body)
		r.Header.Set("Content-Type", tt.contentType)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.code {
			t.Errorf("%s: %d %.200s, want %d", name, w.Code, w.Body, tt.code)
		}
	}
}

func TestHTTPServerHasRoomForQueries(t *testing.T) {
	s := newHandler(t, Options{}).HTTPServer()
	if s.WriteTimeout <= queryTimeout || s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 || s.Handler == nil {
		t.Errorf("server: %+v", s)
	}
}

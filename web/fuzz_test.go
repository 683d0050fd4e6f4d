package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql/promqltest"

	"github.com/tocsin/tocsin/engine"
)

// newFuzzed is a handler over the series of the reference.
func newFuzzed(f *testing.F) *Handler {
	f.Helper()
	series, err := os.ReadFile(reference("series.txt"))
	if err != nil {
		f.Fatal(err)
	}
	db := promqltest.LoadedStorage(f, string(series))
	h, err := New(Options{
		Snapshot: fixture, Status: fixtureStatus, Queryable: db, Gatherer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
		Query: engine.New(engine.Options{Queryable: db, Appendable: db}).Execute,
	})
	if err != nil {
		f.Fatal(err)
	}
	return h
}

// check makes a request whose answer must be one of the client's faults, if any.
func check(t *testing.T, h *Handler, method, target, form string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request(method, target, form))
	switch w.Code {
	case 200, 400, 422, 503:
	default:
		t.Errorf("%s %s %s: %d %s", method, target, form, w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), "unexpected error") {
		t.Errorf("%s %s %s: a panic of PromQL: %s", method, target, form, w.Body)
	}
}

func FuzzQueryRequest(f *testing.F) {
	for _, s := range [][5]string{
		{"up", "0", "60", "15", ""}, {"up", "-9223309901257974", "9223309901257974", "9223372036", "1"}, {"rate(up[1m])", "1e9", "1e9", "1e-3", "1y"},
		{"up offset 1y", "292277025-08-18T07:12:54.999999999Z", "292277025-08-18T07:12:54.999999999Z", "1", "-1"}, {"1", "NaN", "Inf", "0", "x"},
		{"up @ 1e15", "-1", "0.001", "0.001", "9223372036"}, {"max_over_time(up[1m:1s])", "0", "1e17", "1e13", "0.0001"},
	} {
		f.Add(s[0], s[1], s[2], s[3], s[4])
	}
	h := newFuzzed(f)
	f.Fuzz(func(t *testing.T, expr, start, end, step, lookback string) {
		if len(expr) > 40 { // the request is what is tested, not PromQL
			return
		}
		form := url.Values{
			"query": {expr}, "start": {start}, "end": {end}, "step": {step}, "lookback_delta": {lookback}, "time": {start}, "timeout": {"100ms"},
		}
		check(t, h, http.MethodPost, "/api/v1/query_range", form.Encode())
		check(t, h, http.MethodPost, "/api/v1/query", form.Encode())
		check(t, h, http.MethodGet, "/api/v1/format_query?"+form.Encode(), "")
		check(t, h, http.MethodGet, "/api/v1/parse_query?"+form.Encode(), "")
	})
}

func FuzzSelectionRequest(f *testing.F) {
	for _, s := range [][5]string{
		{"up", "", "0", "60", "1"}, {`{job=~"d.*"}`, `{le!=""}`, "", "", ""}, {"{", "up", "x", "y", "z"}, {`{a=""}`, "", "1e300", "-1e300", "-1"},
		{"up", "up", "-9223309901257974", "9223309901257974", "9223372036854775807"}, {`{"utf 8 näme"}`, "{job=~\"(\"}", "60", "0", "0"},
	} {
		f.Add(s[0], s[1], s[2], s[3], s[4])
	}
	h := newFuzzed(f)
	f.Fuzz(func(t *testing.T, one, two, start, end, limit string) {
		form := url.Values{"match[]": {one, two}, "start": {start}, "end": {end}, "limit": {limit}, "metric": {one}, "match_target": {two}}
		check(t, h, http.MethodPost, "/api/v1/series", form.Encode())
		check(t, h, http.MethodPost, "/api/v1/labels", form.Encode())
		check(t, h, http.MethodGet, "/api/v1/metadata?"+form.Encode(), "")
		check(t, h, http.MethodGet, "/api/v1/targets/metadata?"+form.Encode(), "")
		check(t, h, http.MethodGet, "/api/v1/rules?"+form.Encode(), "")
		if strings.Trim(one, "./") != "" { // which are no names in a path: there is U__ for them
			check(t, h, http.MethodGet, "/api/v1/label/"+url.PathEscape(one)+"/values?"+form.Encode(), "")
		}
	})
}

func FuzzRulesRequest(f *testing.F) {
	f.Add("alert", "Stopped", "docker", "true", "1", "")
	f.Add("Record", "", "", "T", "-1", "x")
	f.Add("x", "\x00", "é", "maybe", "99999999999999999999", "x")
	h, err := New(Options{
		Snapshot: fixture, Status: fixtureStatus, Queryable: closedStorage{}, Query: failing(ErrUnavailable),
		Gatherer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, kind, name, group, exclude, limit, token string) {
		form := url.Values{
			"type": {kind}, "rule_name[]": {name}, "rule_group[]": {group}, "exclude_alerts": {exclude}, "group_limit": {limit}, "group_next_token": {token},
		}
		check(t, h, http.MethodGet, "/api/v1/rules?"+form.Encode(), "")
		check(t, h, http.MethodGet, "/api/v1/targets?state="+url.QueryEscape(kind)+"&scrapePool="+url.QueryEscape(name), "")
		check(t, h, http.MethodGet, "/api/v1/status/tsdb?limit="+url.QueryEscape(limit), "")
	})
}

func FuzzQuestion(f *testing.F) {
	f.Add("query=up&start=0&end=1&step=1&limit=1")
	f.Add("start=-9223309901257974&end=9223309901257974&step=1e9")
	f.Add("start=0&end=1&step=0.0009&timeout=1y&lookback_delta=-1")
	f.Fuzz(func(t *testing.T, form string) {
		values, err := url.ParseQuery(form)
		if err != nil {
			return
		}
		if q, e := newRangeQuestion(values); e == nil {
			steps := q.End.Sub(q.Start) / max(q.Step, 1)
			if q.Step < time.Millisecond || q.End.Before(q.Start) || steps > maxSteps || q.limit < 0 || q.timeout <= 0 || q.timeout > queryTimeout {
				t.Errorf("%s: %+v", form, q)
			}
		} else if e.status() != 400 {
			t.Errorf("%s: %+v", form, e)
		}
		if q, e := newQuestion(values, now); e == nil && (q.Step != 0 || q.limit < 0 || q.timeout <= 0) {
			t.Errorf("%s: %+v", form, q)
		}
	})
}

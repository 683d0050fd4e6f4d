package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/prometheus/prometheus/util/stats"

	"github.com/tocsin/tocsin/engine"
)

func TestQueryParametersReachTheEngine(t *testing.T) {
	var (
		got     engine.Query
		timeout time.Duration
	)
	h := newHandler(t, Options{Query: func(ctx context.Context, q engine.Query) (engine.Result, error) {
		deadline, _ := ctx.Deadline()
		got, timeout = q, time.Until(deadline).Round(time.Second)
		return engine.Result{Value: promql.Vector{}}, nil
	}})
	at := time.UnixMilli(1763781160500).UTC()
	for name, tt := range map[string]struct {
		path    string
		form    url.Values
		want    engine.Query
		timeout time.Duration
	}{
		"instant": {
			"query", url.Values{"query": {"up > 0 + 1"}, "time": {"1763781160.5"}, "timeout": {"3s"}, "lookback_delta": {"90"}},
			engine.Query{Expr: "up > 0 + 1", Start: at, Lookback: 90 * time.Second}, 3 * time.Second,
		},
		"instant defaults": {"query", url.Values{"query": {"1"}}, engine.Query{Expr: "1", Start: now}, queryTimeout},
		"range": {
			"query_range", url.Values{"query": {"up"}, "start": {"1763781160.5"}, "end": {"2025-11-22T03:12:50.5Z"}, "step": {"0.5"}, "timeout": {"1h"}, "lookback_delta": {"1m"}},
			engine.Query{Expr: "up", Start: at, End: time.Date(2025, 11, 22, 3, 12, 50, 5e8, time.UTC), Step: 500 * time.Millisecond, Lookback: time.Minute}, queryTimeout,
		},
		"range defaults": {
			"query_range", url.Values{"query": {"up"}, "start": {"0"}, "end": {"0"}, "step": {"1m"}},
			engine.Query{Expr: "up", Start: time.Unix(0, 0).UTC(), End: time.Unix(0, 0).UTC(), Step: time.Minute}, queryTimeout,
		},
	} {
		for method, r := range map[string]struct{ target, body string }{
			"GET": {"/api/v1/" + tt.path + "?" + tt.form.Encode(), ""}, "POST": {"/api/v1/" + tt.path, tt.form.Encode()},
		} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, request(method, r.target, r.body))
			if w.Code != 200 || timeout != tt.timeout {
				t.Errorf("%s %s: %d %s, time-out %v, want %v", method, name, w.Code, w.Body, timeout, tt.timeout)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", method, name, diff)
			}
		}
	}
}

func TestBadRangeParameters(t *testing.T) {
	h := newHandler(t, Options{})
	for params, want := range map[string]string{
		"":                                `invalid parameter "start": cannot parse "" to a valid timestamp`,
		"start=0":                         `invalid parameter "end": cannot parse "" to a valid timestamp`,
		"start=1&end=0":                   `invalid parameter "end": end timestamp must not be before start time`,
		"start=0&end=1":                   `invalid parameter "step": cannot parse "" to a valid duration`,
		"start=0&end=1&step=0":            `invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer`,
		"start=0&end=1&step=-1":           `invalid parameter "step": zero or negative`,
		"start=0&end=0.001&step=1e-6":     `invalid parameter "step": the step is less than a millisecond`,
		"start=0&end=11001&step=1":        `exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)`,
		"start=0&end=1&step=1&limit=-1":   `invalid parameter "limit": limit must be non-negative`,
		"start=0&end=1&step=1&timeout=0s": `invalid parameter "timeout": timeout must be positive, got 0s`,
		"start=0&end=1&step=1&lookback_delta=soon":                            `error parsing lookback delta duration: cannot parse "soon" to a valid duration`,
		"start=" + minTime.Format(time.RFC3339Nano) + "&end=0&step=1":         `exceeded maximum resolution`,
		"start=-9223309901257974&end=9223309901257974&step=9223372036":        ``,
		"start=0&end=" + url.QueryEscape("2026-11-22T03:12:40+01:00x&step=1"): `invalid parameter "end"`,
	} {
		got := decodeFailure(t, get(h, "/api/v1/query_range?query=up&"+params))
		if want == "" {
			if got.Code != 200 {
				t.Errorf("%s: %+v", params, got)
			}
			continue
		}
		if got.Code != 400 || got.ErrorType != "bad_data" || !strings.HasPrefix(got.Error, want) {
			t.Errorf("%s: %+v, want 400 bad_data with %q", params, got, want)
		}
	}
	// 11,000 steps are 11,001 points, which Prometheus takes.
	if w := get(h, "/api/v1/query_range?query=up&start=0&end=11000&step=1"); w.Code != 200 {
		t.Errorf("11,000 steps: %d %s", w.Code, w.Body)
	}
}

func TestQueryStatistics(t *testing.T) {
	timers := &stats.Statistics{Timers: stats.NewQueryTimers(), Samples: stats.NewQuerySamples(false)}
	h := newHandler(t, Options{Query: func(context.Context, engine.Query) (engine.Result, error) {
		return engine.Result{Value: promql.Vector{}, Stats: stats.NewQueryStats(timers)}, nil
	}})
	for param, warnings := range map[string]int{"": 0, "&stats=true": 0, "&stats=all": 0, "&stats=yes": 1} {
		w := get(h, "/api/v1/query?query=x"+param)
		var body struct {
			Data struct {
				Stats *struct{ Timings, Samples map[string]float64 }
			}
			Warnings []string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatalf("%v in %s", err, w.Body)
		}
		if has := body.Data.Stats != nil; has != (param != "") || len(body.Warnings) != warnings {
			t.Errorf("%q: %s", param, w.Body)
		} else if has && (len(body.Data.Stats.Timings) != 6 || len(body.Data.Stats.Samples) < 3) {
			t.Errorf("%q: statistics %+v", param, body.Data.Stats)
		}
	}
}

// The memory of a result and its slot are given back, whatever the outcome.
func TestQuerySlotsComeBack(t *testing.T) {
	var notes annotations.Annotations
	notes.Add(fmt.Errorf("%w: w", annotations.PromQLWarning))
	for name, q := range map[string]func(context.Context, engine.Query) (engine.Result, error){
		"success": answer(promql.Vector{}, notes), "failure": failing(promql.ErrTooManySamples("x")), "odd value": answer(nil, nil),
		"panic": func(context.Context, engine.Query) (engine.Result, error) { panic("out of cheese") },
	} {
		h := newHandler(t, Options{Query: q})
		for range 2 * maxQueries {
			get(h, "/api/v1/query?query=x&timeout=5s")
		}
		if len(h.slots) != 0 {
			t.Errorf("%s: %d slots are taken", name, len(h.slots))
		}
	}
}

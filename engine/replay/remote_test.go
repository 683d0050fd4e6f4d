package replay

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/storage"
)

// instance answers as a running instance over h does.
func instance(t *testing.T, h promstorage.Queryable) *Remote {
	t.Helper()
	eng := engine.New(engine.Options{Queryable: h})
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if r.Method != http.MethodPost || r.URL.Path != "/prefix/api/v1/query" || user != "u" || password != "secret" {
			t.Errorf("%s %s as %q", r.Method, r.URL, user)
		}
		seconds, err := strconv.ParseFloat(r.FormValue("time"), 64)
		if err != nil {
			t.Error(err)
		}
		v, _, err := eng.Query(r.Context(), r.FormValue("query"), time.UnixMilli(int64(seconds*1000+0.5)))
		if err != nil {
			t.Errorf("%s: %v", r.FormValue("query"), err)
			return
		}
		type one struct {
			Metric any     `json:"metric"`
			Values [][]any `json:"values"`
		}
		result := []one{}
		for _, s := range v.(promql.Matrix) {
			o := one{Metric: s.Metric}
			for _, p := range s.Floats {
				o.Values = append(o.Values, []any{model.Time(p.T), fmt.Sprint(p.F)})
			}
			result = append(result, o)
		}
		data := map[string]any{"resultType": "matrix", "result": result}
		if err := json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": data}); err != nil {
			t.Error(err)
		}
	})
}

func serve(t *testing.T, answer http.HandlerFunc) *Remote {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL + "/prefix")
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("u", "secret")
	return NewRemote(u)
}

// TestRemoteIsItsHistory: what comes over the API, which has no stale markers, is
// what the data directory has, and so is what a replay over it says.
func TestRemoteIsItsHistory(t *testing.T) {
	for seed := range uint64(5) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		rules := randomRules(rnd)
		dir := t.TempDir()
		_, last := runLive(t, rnd, dir, rules)
		h, err := storage.OpenHistory(dir)
		if err != nil {
			t.Fatal(err)
		}
		remote := instance(t, h)
		for _, sel := range []string{"m", "n", "up", `{__name__=~"m|n",a="x"}`} {
			for range 5 {
				start := t0.Add(time.Duration(rnd.IntN(1800)) * time.Second).UnixMilli()
				end := start + rnd.Int64N(1800_000)
				end = min(end, last.UnixMilli())
				want, got := selected(t, h, sel, start, end), selected(t, remote, sel, start, end)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("seed %d, %s from %d to %d (-data directory +API):\n%s", seed, sel, start-t0.UnixMilli(), end-t0.UnixMilli(), diff)
				}
			}
		}
		o := options(t, h, rules, 0, last.Sub(t0))
		offline, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		o.History = instance(t, h)
		online, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		var want, got strings.Builder
		if err := offline.WriteTable(&want); err != nil {
			t.Fatal(err)
		}
		if err := online.WriteTable(&got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), got.String()); diff != "" {
			t.Errorf("seed %d (-data directory +API):\n%s", seed, diff)
		}
		h.Close()
	}
}

func selected(t *testing.T, from promstorage.Queryable, sel string, start, end millis) map[string][]string {
	t.Helper()
	q, err := from.Querier(start, end)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	return content(t, q.Select(t.Context(), true, nil, matchers(t, sel)...))
}

func TestRemoteTriesAgain(t *testing.T) {
	calls := 0
	remote := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls <= 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)
	})
	if got := selected(t, remote, "x", 0, 1000); len(got) != 0 || calls != 4 {
		t.Errorf("%d requests gave %v, want 4: x twice in vain, x, up", calls, got)
	}
}

// TestRemoteFaults: each ends the replay, with a message that says where and
// what, and no password.
func TestRemoteFaults(t *testing.T) {
	for _, tc := range []struct {
		name string
		code int
		body string
		want string
	}{
		{"refused", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter"}`, "400 Bad Request: invalid parameter"},
		{"not found", 404, `not here`, "404 Not Found"},
		{"not an API", 200, `<html>`, "is not Prometheus's API"},
		{"not a range", 200, `{"status":"success","data":{"resultType":"vector","result":[]}}`, `a range with "vector"`},
		{"native histogram", 200, `{"data":{"resultType":"matrix","result":[{"metric":{"__name__":"x"},"histograms":[[1,{}]]}]}}`, "native histogram"},
		{"bad sample", 200, `{"data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,2]]}]}}`, "is not Prometheus's API"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			remote := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.code)
				fmt.Fprint(w, tc.body)
			})
			o := options(t, remote, "groups: [{name: g, rules: [{alert: A, expr: x}]}]", 0, time.Minute)
			_, err := Run(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v, want %q in it", err, tc.want)
			}
		})
	}
}

func FuzzPoint(f *testing.F) {
	for _, s := range []string{`[1763769600.123,"42"]`, `[ 1, "NaN" ]`, `[1,"+Inf"]`, `[1e3,"-0"]`, `[]`, `[,]`, `["1","2"]`, `[1,"2",3]`, `null`, `[1e300,"1"]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var p point
		if err := p.UnmarshalJSON([]byte(text)); err != nil {
			return
		}
		if back := p.t / 1000; back > 1<<53 || back < -1<<53 {
			t.Errorf("%q gives the time %d", text, p.t)
		}
	})
}

package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/tocsin/tocsin/engine"
)

// reference are files that Prometheus's own API was run over; see the program
// beside them.
func reference(name string) string { return filepath.Join("testdata", "reference", name) }

// newStored is a handler over a real TSDB with the series of the reference.
func newStored(t *testing.T, opts Options) (*Handler, *teststorage.TestStorage) {
	t.Helper()
	series, err := os.ReadFile(reference("series.txt"))
	if err != nil {
		t.Fatal(err)
	}
	db := promqltest.LoadedStorage(t, string(series))
	opts.Queryable, opts.Query = db, engine.New(engine.Options{Queryable: db, Appendable: db}).Execute
	return newHandler(t, opts), db
}

// newReference answers from the same data as the reference.
func newReference(t *testing.T) *Handler {
	t.Helper()
	target := labels.FromStrings("instance", "edge-17", "job", "docker")
	discovered := labels.FromStrings(
		"__address__", "localhost:9323", "__always_scrape_classic_histograms__", "false", "__convert_classic_histograms_to_nhcb__", "false",
		"__metrics_path__", "/metrics", "__scheme__", "http", "__scrape_interval__", "15s", "__scrape_native_histograms__", "false",
		"__scrape_timeout__", "10s", "instance", "edge-17", "job", "docker",
	)
	h, _ := newStored(t, Options{
		Status: func() Status {
			st := fixtureStatus()
			st.Targets = []Target{{
				Job: "docker", Instance: "edge-17", ScrapeURL: "http://localhost:9323/metrics", Labels: target, Discovered: discovered,
				Health: Down, LastScrape: time.Date(2026, 11, 22, 3, 12, 36, 0, time.UTC), LastScrapeDuration: 5 * time.Millisecond,
				LastError: "connection refused", Interval: 15 * time.Second, Timeout: 10 * time.Second,
			}}
			st.Alertmanagers = []Alertmanager{{URL: "http://u:xxxxx@am:9093/prefix"}}
			return st
		},
		Metadata: func() []Metadata {
			return []Metadata{
				{Target: target, Family: "temp", Type: "gauge", Help: "How <warm> it is.", Unit: "celsius"},
				{Target: target, Family: "ticks", Type: "counter"},
			}
		},
		Cardinality: func(limit int) (Cardinality, error) {
			return Cardinality{
				Head:           HeadStats{Series: 5, LabelPairs: 7, Chunks: 12, MinTime: 1000, MaxTime: 2000},
				SeriesByMetric: []NamedNumber{{"up", 3}, {"temp", 2}}[:min(limit, 2)],
				ValuesByLabel:  []NamedNumber{{"job", 2}}, BytesByLabel: []NamedNumber{{"job", 40}}, SeriesByPair: []NamedNumber{{"job=docker", 4}},
			}, nil
		},
		Config:      func() string { return "global: {}\n" },
		ExternalURL: &url.URL{Scheme: "http", Host: "edge-17:9193"},
	})
	return h
}

// lines reads a file of the reference, by the first word of each line.
func lines(t *testing.T, name string) map[string]string {
	t.Helper()
	f, err := os.Open(reference(name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]string{}
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		key, rest, _ := strings.Cut(scan.Text(), " ")
		out[key] = rest
	}
	if err := scan.Err(); err != nil {
		t.Fatal(err)
	}
	delete(out, "#")
	return out
}

// varying are responses of which only the keys can be compared.
var varying = map[string]bool{"buildinfo": true, "runtimeinfo": true}

func TestAnswersAsPrometheus(t *testing.T) {
	h := newReference(t)
	requests, answers := lines(t, "requests.txt"), lines(t, "answers.txt")
	if len(requests) < 100 || len(answers) != len(requests) {
		t.Fatalf("%d requests, %d answers: run the program beside them", len(requests), len(answers))
	}
	for name, line := range requests {
		method, rest, _ := strings.Cut(line, " ")
		path, form, _ := strings.Cut(rest, " ")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request(method, "/api/v1"+path, form))
		code, want, _ := strings.Cut(answers[name], " ")
		if strconv.Itoa(w.Code) != code || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: status %d, want %s; content type %q", name, w.Code, code, w.Header().Get("Content-Type"))
		}
		if varying[name] {
			if diff := cmp.Diff(keys(t, []byte(want)), keys(t, w.Body.Bytes())); diff != "" {
				t.Errorf("%s: keys (-Prometheus +got):\n%s", name, diff)
			}
			continue
		}
		if diff := cmp.Diff(canonical(t, []byte(want)), canonical(t, w.Body.Bytes())); diff != "" {
			t.Errorf("%s: %s (-Prometheus +got):\n%s", name, line, diff)
		}
	}
}

// keys are those of "data", without ours.
func keys(t *testing.T, text []byte) map[string]string {
	t.Helper()
	var body struct{ Data map[string]json.RawMessage }
	if err := json.Unmarshal(text, &body); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	out := map[string]string{}
	for k, v := range body.Data {
		out[k] = string(v[:1]) // the kind of value
		if _, err := strconv.ParseFloat(string(v), 64); err == nil {
			out[k] = "number"
		} else if string(v) == "true" || string(v) == "false" {
			out[k] = "bool"
		}
	}
	delete(out, "tocsinVersion")
	return out
}

func TestLabelValuesLimit(t *testing.T) {
	h, _ := newStored(t, Options{})
	want := `{"status":"success","data":["disk read.bytes","gap"],"warnings":["results truncated due to limit"]}`
	for range 3 {
		if got := get(h, "/api/v1/label/__name__/values?limit=2").Body.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestStorageErrors(t *testing.T) {
	h := newHandler(t, Options{Cardinality: func(int) (Cardinality, error) { return Cardinality{}, errors.New("bad disk") }})
	for target, want := range map[string]apiFailure{
		"/api/v1/series?match[]=up": {503, "error", "unavailable", "storage is not open"},
		"/api/v1/labels":            {503, "error", "unavailable", "storage is not open"},
		"/api/v1/label/a/values":    {503, "error", "unavailable", "storage is not open"},
		"/api/v1/status/tsdb":       {500, "error", "internal", "bad disk"},
	} {
		if diff := cmp.Diff(want, decodeFailure(t, get(h, target))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", target, diff)
		}
	}
	// A full house answers in time, too.
	for range maxQueries {
		h.slots <- struct{}{}
	}
	r := request(http.MethodGet, "/api/v1/labels", "")
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(ctx))
	if got := decodeFailure(t, w); got.Code != statusClientGone || got.ErrorType != "canceled" {
		t.Errorf("without a slot: %+v", got)
	}
}

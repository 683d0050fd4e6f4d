package scrape

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/util/teststorage"
)

// configured reads a configuration file's text.
func configured(t testing.TB, format string, args ...any) *config.Config {
	t.Helper()
	cfg, err := config.Load(fmt.Sprintf(format, args...), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// often and seldom begin configurations for tests. A machine that is busy may let an
// answer be late by the one, but not by the other.
const (
	often  = "global: {scrape_interval: 50ms, scrape_timeout: 50ms}\nscrape_configs:\n"
	seldom = "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
)

// host is the part of a server's URL that is an address.
func host(u string) string { return strings.TrimPrefix(strings.TrimPrefix(u, "http://"), "https://") }

// runJobs runs jobs against a real TSDB until the test ends; the channel gets every
// report.
func runJobs(t *testing.T, cfg *config.Config, change func(*JobsOptions)) (*Jobs, *teststorage.TestStorage, chan Report) {
	t.Helper()
	st := teststorage.New(t)
	reports := make(chan Report, 100_000)
	opts := JobsOptions{Appendable: st, Heard: func(r Report) { reports <- r }}
	if change != nil {
		change(&opts)
	}
	j := NewJobs(opts)
	if err := j.Apply(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running(t, j))
	return j, st, reports
}

// running runs jobs until what it returns is called, which may be again.
func running(t *testing.T, j *Jobs) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx); close(done) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// until waits for a report.
func until(t *testing.T, reports <-chan Report, what string, is func(Report) bool) Report {
	t.Helper()
	var seen []string
	for late := time.After(30 * time.Second); ; {
		select {
		case r := <-reports:
			if is(r) {
				return r
			}
			if seen = append(seen, fmt.Sprintf("%+v", r)); len(seen) > 20 {
				seen = seen[1:]
			}
		case <-late:
			t.Fatalf("no report that %s; the last were\n%s", what, strings.Join(seen, "\n"))
		}
	}
}

func isUp(r Report) bool   { return r.Up }
func isDown(r Report) bool { return !r.Up && !r.Waiting && !r.Gone }

// TestJobsAreScrapedAsInPrometheus: what a job says of how it is scraped is heeded.
func TestJobsAreScrapedAsInPrometheus(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if user, pw, _ := r.BasicAuth(); user != "u" || pw != "p" || r.URL.String() != "/m?x=1" {
			t.Errorf("request of %s as %s:%s", r.URL, user, pw)
		}
		fmt.Fprint(w, "# HELP temp How warm.\n# TYPE temp gauge\ntemp{room=\"a\",job=\"mine\"} 21\nsecret 1\n")
	})
	j, st, reports := runJobs(t, configured(t, often+`
- job_name: rooms
  metrics_path: /m
  params: {x: ["1"]}
  basic_auth: {username: u, password: p}
  static_configs:
  - targets: [%q, dropped:1]
    labels: {site: north}
  relabel_configs:
  - {source_labels: [__address__], regex: dropped.*, action: drop}
  metric_relabel_configs:
  - {source_labels: [__name__], regex: secret, action: drop}
- job_name: gateway
  honor_labels: true
  metrics_path: /m
  params: {x: ["1"]}
  basic_auth: {username: u, password: p}
  static_configs:
  - targets: [%q]
`, host(u), host(u)), nil)
	for _, job := range []string{"rooms", "gateway"} {
		until(t, reports, job+" is up", func(r Report) bool { return r.Up && r.Job == job })
	}
	at := fmt.Sprintf("instance=%q", host(u))
	want := map[string]float64{
		`{__name__="temp", exported_job="mine", ` + at + `, job="rooms", room="a", site="north"}`: 21,
		`{__name__="temp", ` + at + `, job="mine", room="a"}`:                                     21,
		`{__name__="secret", ` + at + `, job="gateway"}`:                                          1,
		`{__name__="up", ` + at + `, job="rooms", site="north"}`:                                  1,
		`{__name__="up", ` + at + `, job="gateway"}`:                                              1,
	}
	if diff := cmp.Diff(want, last(t, st, "temp|secret|up")); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"rooms": 1, "gateway": 0}, j.Dropped()); diff != "" {
		t.Errorf("dropped targets (-want +got):\n%s", diff)
	}
	targets := j.Targets()
	if len(targets) != 2 {
		t.Fatalf("targets %+v, want two", targets)
	}
	got := targets[1]
	if got.Job != "rooms" || got.Instance != host(u) || got.URL != u+"/m?xxxxx" || got.ScrapeURL != u+"/m?x=1" ||
		got.Health != "up" || got.LastScrape.IsZero() || got.Interval != 50*time.Millisecond || got.Timeout != 50*time.Millisecond ||
		got.Discovered.Get("__address__") != host(u) || got.Labels.Get("site") != "north" {
		t.Errorf("status %+v", got)
	}
	if m := j.Metadata(); len(m) != 2 || m[0].Family != "temp" || m[0].Help != "How warm." {
		t.Errorf("metadata %+v, want that of temp, twice", m)
	}
}

// TestBadTargetsOfJobs: whatever one of them does, it is down and says why, and the
// good one next to it is scraped.
func TestBadTargetsOfJobs(t *testing.T) {
	good := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "good 1\n") })
	gone := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
		job     string
		err     string
	}{
		{"malformed", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "good 1\nbad{ 1\n") }, "", "expected"},
		{"status 500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "", "500"},
		{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "", "deadline"},
		{"huge", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("# x\n", 1000)) }, "body_size_limit: 1KB", "body size limit"},
		{"many samples", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a 1\nb 1\n") }, "sample_limit: 1", "sample limit"},
		{"many labels", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "a{")
			for i := range 100 {
				fmt.Fprintf(w, "l%d=\"x\",", i)
			}
			fmt.Fprint(w, "} 1\n")
		}, "", "label_limit"},
		{"long label", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "a{l=%q} 1\n", strings.Repeat("x", 10_000))
		}, "", "label_value_length_limit"},
		{"binary", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte{255, 254, 1, 10}) }, "", "expected"},
		{"too many targets", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a 1\n") }, "target_limit: 1", "target_limit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			bad := serve(t, tc.handler)
			more := ""
			if tc.job != "" {
				more = "  " + tc.job + "\n"
			}
			if strings.HasPrefix(tc.job, "target_limit") {
				bad += `", "` + gone
			}
			j, st, reports := runJobs(t, configured(t, seldom+`
- job_name: bad
  fallback_scrape_protocol: PrometheusText0.0.4
%s  static_configs: [{targets: ["%s"]}]
- job_name: good
  static_configs: [{targets: [%q]}]
`, more, strings.ReplaceAll(bad, "http://", ""), host(good)), nil)
			until(t, reports, "bad is down", func(r Report) bool {
				if r.Job == "bad" && r.Up {
					t.Errorf("bad target is up: %+v", r)
				}
				return r.Job == "bad" && isDown(r)
			})
			until(t, reports, "good is up", func(r Report) bool { return r.Job == "good" && r.Up })
			until(t, reports, "bad is down again", func(r Report) bool { return r.Job == "bad" && isDown(r) })
			for series, v := range last(t, st, "up") {
				if want := map[bool]float64{true: 0, false: 1}[strings.Contains(series, `"bad"`)]; v != want {
					t.Errorf("%s is %v, want %v", series, v, want)
				}
			}
			if got := j.Targets()[0]; got.Job != "bad" || got.Health != "down" || !strings.Contains(got.LastError, tc.err) {
				t.Errorf("status %+v, want down with an error about %q", got, tc.err)
			}
		})
	}
}

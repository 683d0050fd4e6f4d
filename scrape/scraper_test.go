package scrape

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/teststorage"
)

// start runs a scraper of the URL against a real TSDB until the test ends. The
// channel gets every finished scrape.
func start(t *testing.T, u string, change func(*Options)) (*Scraper, *teststorage.TestStorage, chan Scraped) {
	t.Helper()
	target, err := ParseURL(u)
	if err != nil {
		t.Fatal(err)
	}
	st := teststorage.New(t)
	scraped := make(chan Scraped, 1000)
	opts := Options{
		Target:     Target{URL: target, Job: "docker", Instance: "host1"},
		Interval:   50 * time.Millisecond,
		Appendable: st,
		Committed:  func(s Scraped) { scraped <- s },
	}
	if change != nil {
		change(&opts)
	}
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, st, scraped
}

// last reads the last value of each series whose name matches.
func last(t *testing.T, st *teststorage.TestStorage, name string) map[string]float64 {
	t.Helper()
	q, err := st.Querier(0, time.Now().Add(time.Hour).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	got := map[string]float64{}
	ss := q.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchRegexp, labels.MetricName, name))
	for ss.Next() {
		it := ss.At().Iterator(nil)
		for it.Next() == chunkenc.ValFloat {
			_, got[ss.At().Labels().String()] = it.At()
		}
	}
	if ss.Err() != nil {
		t.Fatal(ss.Err())
	}
	return got
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestScrapeOverHTTP(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if user, pw, _ := r.BasicAuth(); user != "u" || pw != "p" || r.URL.String() != "/m?x=1" {
			t.Errorf("request of %s as %s:%s", r.URL, user, pw)
		}
		fmt.Fprint(w, "temp{room=\"a\"} 21\n")
	})
	s, st, scraped := start(t, strings.Replace(u, "http://", "http://u:p@", 1)+"/m?x=1", nil)
	first := <-scraped
	if !first.Up || time.Since(first.At) > time.Hour {
		t.Errorf("scraped %+v, want an up target, now", first)
	}
	want := map[string]float64{
		`{__name__="temp", instance="host1", job="docker", room="a"}`: 21,
		`{__name__="up", instance="host1", job="docker"}`:             1,
	}
	if diff := cmp.Diff(want, last(t, st, "temp|up")); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if n := len(last(t, st, "scrape_.*")); n < 4 {
		t.Errorf("%d built-in scrape_ series, want at least 4", n)
	}
	if got := s.Targets(); got[0].Health != "up" || strings.Contains(got[0].URL, "u:p") {
		t.Errorf("target status %+v: want up, and no password", got)
	}
}

func TestScrapeOverSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "scrape") // short: socket paths end at 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "m.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := os.ReadFile("testdata/docker-29.7.txt")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores")
		w.Write(payload)
	})}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	_, st, scraped := start(t, "unix://"+path, func(o *Options) { o.Interval = time.Second })
	if first := <-scraped; !first.Up {
		t.Fatal("the target is down")
	}
	got := last(t, st, "engine_daemon_container_states_containers")
	want := map[string]float64{
		`{__name__="engine_daemon_container_states_containers", instance="host1", job="docker", state="paused"}`:  1,
		`{__name__="engine_daemon_container_states_containers", instance="host1", job="docker", state="running"}`: 3,
		`{__name__="engine_daemon_container_states_containers", instance="host1", job="docker", state="stopped"}`: 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recorded payload of an engine (-want +got):\n%s", diff)
	}
}

func TestBadTargetsAreDown(t *testing.T) {
	small := func(o *Options) { o.BodySizeLimit, o.SampleLimit = 1000, 3 }
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
		err     string
	}{
		{"malformed", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "good 1\nbad{ 1\n") }, "expected"},
		{"binary", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte{255, 254, 1, 10}) }, "expected"},
		{"status 500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "500"},
		{"huge body", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "a 1\n", strings.Repeat("# x\n", 1000))
		}, "body size limit"},
		{"endless body", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, "# endless\n"); err != nil {
					return
				}
			}
		}, "body size limit"},
		{"too many samples", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a 1\nb 1\nc 1\nd 1\n") }, "sample limit"},
		{"hangs", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "deadline"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, st, scraped := start(t, serve(t, tc.handler), small)
			if first := <-scraped; first.Up {
				t.Error("scraped a bad target as up")
			}
			if got := last(t, st, "up"); len(got) != 1 || got[`{__name__="up", instance="host1", job="docker"}`] != 0 {
				t.Errorf("up series %v, want 0", got)
			}
			if got := s.Targets()[0]; got.Health != "down" || !strings.Contains(got.LastError, tc.err) {
				t.Errorf("status %+v, want down with an error about %q", got, tc.err)
			}
		})
	}
}

// TestStopDoesNotWaitForHangingTarget: the handler hangs until the test is over,
// and the scrape's own time-out is far away, so Run can only return if the stop
// cuts the scrape off. What was cut off is not recorded as a failure.
func TestStopDoesNotWaitForHangingTarget(t *testing.T) {
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	u := serve(t, func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-release })
	defer close(release)
	target, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	st := teststorage.New(t)
	s, err := New(Options{
		Target: Target{URL: target, Job: "docker", Instance: "h"}, Interval: time.Hour, Appendable: st,
		Committed: func(got Scraped) { t.Errorf("a scrape that was cut off was committed: %+v", got) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // and it can run again
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		<-arrived
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(maxScrapeTimeout - time.Second):
			t.Fatal("stop waits for the scrape under way")
		}
	}
	if got := last(t, st, ".+"); len(got) != 0 {
		t.Errorf("samples of a scrape that was cut off: %v", got)
	}
}

func TestParseURL(t *testing.T) {
	for _, tc := range []struct{ in, err string }{
		{"unix:///run/docker/metrics.sock", ""},
		{"http://127.0.0.1:9323/metrics", ""},
		{"https://u:p@host/m?a=b", ""},
		{"", "expected unix:///"},
		{"/run/docker/metrics.sock", "expected unix:///"},
		{"unix://run/docker.sock", "three slashes"},
		{"unix:relative", "absolute path"},
		{"ftp://x", `scheme "ftp"`},
		{"http://", "no host"},
		{"http://h/#f", "fragment"},
		{"http://a b", "not a URL"},
		{"127.0.0.1:9323", "expected"},
	} {
		_, err := ParseURL(tc.in)
		if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
			t.Errorf("ParseURL(%q): %v, want an error with %q", tc.in, err, tc.err)
		}
	}
}

func TestEngineThatStartsIsRestoring(t *testing.T) {
	for file, want := range map[string]bool{"docker-20.10.txt": false, "docker-29.7.txt": false, "docker-29.7-at-startup.txt": true} {
		payload, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		s, _, scraped := start(t, serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(payload) }), nil)
		if got := <-scraped; !got.Up || got.Restoring != want {
			t.Errorf("%s: %+v, want up, and restoring = %v", file, got, want)
		}
		if s.Names("later") != want {
			t.Errorf("%s: an engine that starts may bring what it has not brought yet, and no other", file)
		}
	}
}

// brokenStorage takes samples and loses them.
type brokenStorage struct{ storage.AppendableV2 }

func (b brokenStorage) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return brokenAppender{b.AppendableV2.AppenderV2(ctx)}
}

type brokenAppender struct{ storage.AppenderV2 }

func (a brokenAppender) Commit() error {
	return errors.Join(a.AppenderV2.Rollback(), syscall.ENOSPC)
}

// refusingStorage takes no sample, as one whose newest sample is in the future.
type refusingStorage struct {
	storage.AppendableV2
	err error
}

func (r refusingStorage) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return refusingAppender{r.AppendableV2.AppenderV2(ctx), r.err}
}

type refusingAppender struct {
	storage.AppenderV2
	err error
}

func (a refusingAppender) Append(storage.SeriesRef, labels.Labels, int64, int64, float64, *histogram.Histogram, *histogram.FloatHistogram, storage.AOptions) (storage.SeriesRef, error) {
	return 0, a.err
}

// TestWhatStorageDoesNotTakeIsNotUp: the engine must not take old data for fresh.
func TestWhatStorageDoesNotTakeIsNotUp(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a 1\n") })
	for name, wrap := range map[string]func(storage.AppendableV2) storage.AppendableV2{
		"commit fails": func(to storage.AppendableV2) storage.AppendableV2 { return brokenStorage{to} },
		"samples refused": func(to storage.AppendableV2) storage.AppendableV2 {
			return refusingStorage{to, storage.ErrOutOfOrderSample}
		},
		"samples cannot be taken": func(to storage.AppendableV2) storage.AppendableV2 {
			return refusingStorage{to, errors.New("storage is not open")}
		},
	} {
		_, _, scraped := start(t, u, func(o *Options) { o.Appendable = wrap(o.Appendable) })
		if got := <-scraped; got.Up {
			t.Errorf("%s: %+v, want not up", name, got)
		}
	}
}

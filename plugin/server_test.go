package plugin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// socketPath is short enough for a unix socket whatever the test's name is.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "plugins", "p.sock")
}

func nothing(context.Context) error { return nil }

// fill gives options the parts that a test does not care for.
func fill(t *testing.T, opts Options) Options {
	t.Helper()
	if opts.Socket == "" {
		opts.Socket = socketPath(t)
	}
	if opts.Start == nil {
		opts.Start = nothing
	}
	if opts.Stop == nil {
		opts.Stop = nothing
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return opts
}

// start runs a server until the test ends, or until the returned func is called,
// which gives Run's error.
func start(t *testing.T, opts Options, tweak ...func(*Server)) (*Server, func() error) {
	t.Helper()
	s, err := New(fill(t, opts))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range tweak {
		f(s)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- s.Run(ctx) }()
	stop := sync.OnceValue(func() error {
		cancel()
		return <-result
	})
	t.Cleanup(func() { _ = stop() })
	return s, stop
}

// client is one like the engine's: each request on the plugin's socket.
func client(t *testing.T, socket string) *http.Client {
	t.Helper()
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

type reply struct {
	Status     int
	Err        string
	Implements []string
}

func send(t *testing.T, c *http.Client, method, path, body string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://plugin.moby.localhost"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", contentType)
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != contentType {
		t.Errorf("content type %q, want %q", got, contentType)
	}
	out := reply{Status: resp.StatusCode}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil && method != http.MethodHead {
		t.Fatalf("answer is not JSON: %v", err)
	}
	return out
}

func TestCalls(t *testing.T) {
	var calls []string
	s, _ := start(t, Options{
		Start: func(context.Context) error { calls = append(calls, "start"); return nil },
		Stop:  func(context.Context) error { calls = append(calls, "stop"); return nil },
	})
	c := client(t, s.opts.Socket)
	for _, path := range []string{pathActivate, pathStart, pathStart, pathStop} {
		want := reply{Status: http.StatusOK}
		if path == pathActivate {
			want.Implements = []string{"MetricsCollector"}
		}
		if diff := cmp.Diff(want, send(t, c, http.MethodPost, path, "")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	if diff := cmp.Diff([]string{"start", "start", "stop"}, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// The engine's own bytes: 29 sends a Host, 20.10 an empty one; neither a body.
func TestEngineRequests(t *testing.T) {
	s, _ := start(t, Options{})
	for _, host := range []string{"plugin.moby.localhost", ""} {
		conn, err := net.Dial("unix", s.opts.Socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /MetricsCollector.StartMetrics HTTP/1.1\r\nHost: %s\r\nUser-Agent: Go-http-client/1.1\r\n"+
			"Content-Length: 0\r\nAccept: application/vnd.docker.plugins.v1.2+json\r\nAccept-Encoding: gzip\r\n\r\n", host)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got, want := string(body), `{"Err":""}`+"\n"; resp.StatusCode != http.StatusOK || got != want {
			t.Errorf("host %q: %d %q, want 200 %q", host, resp.StatusCode, got, want)
		}
	}
}

func TestRefused(t *testing.T) {
	called := false
	reg := prometheus.NewRegistry()
	s, _ := start(t, Options{
		Registerer: reg,
		Start:      func(context.Context) error { called = true; return nil },
	})
	c := client(t, s.opts.Socket)
	for _, tt := range []struct {
		method, path, body string
		status             int
		text               string
	}{
		{"GET", pathStart, "", 405, `method "GET" is not allowed: /MetricsCollector.StartMetrics takes POST`},
		{"PUT", pathActivate, "", 405, `method "PUT" is not allowed`},
		{"POST", "/", "", 404, `unknown call "/"`},
		{"POST", "/VolumeDriver.Create", "{}", 404, "this plugin knows /Plugin.Activate"},
		{"POST", pathStart + "/", "", 404, "unknown call"},
		{"POST", pathStart, "[]", 400, "expected an empty request body or a JSON object"},
		{"POST", pathStart, "null", 400, "not null"},
		{"POST", pathStart, "{} {}", 400, "expected an empty request body or a JSON object"},
		{"POST", pathStart, strings.Repeat(" ", maxBody+1), 400, "of at most 65536 bytes"},
	} {
		got := send(t, c, tt.method, tt.path, tt.body)
		if got.Status != tt.status || !strings.Contains(got.Err, tt.text) {
			t.Errorf("%s %s %.20q: %d %q, want %d with %q", tt.method, tt.path, tt.body, got.Status, got.Err, tt.status, tt.text)
		}
	}
	if called {
		t.Error("a refused request has reached the callback")
	}
	want := map[[2]string]float64{
		{"MetricsCollector.StartMetrics", resultRefused}: 5,
		{"Plugin.Activate", resultRefused}:               1,
		{otherCall, resultRefused}:                       3,
		{"MetricsCollector.StartMetrics", resultOK}:      0,
	}
	for labels, n := range want {
		if got := testutil.ToFloat64(s.metrics.calls.WithLabelValues(labels[:]...)); got != n {
			t.Errorf("count of %v = %v, want %v", labels, got, n)
		}
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v %v", problems, err)
	}
}

func TestCallbackFails(t *testing.T) {
	var result error
	s, _ := start(t, Options{Start: func(context.Context) error { return result }})
	c := client(t, s.opts.Socket)
	result = errors.Join(errors.New("rules/a.yml:3:5: unknown field\nforr"), errors.New("ALERTMANAGER_URL: no host"))
	got := send(t, c, http.MethodPost, pathStart, "")
	want := reply{Status: 500, Err: "rules/a.yml:3:5: unknown field; forr\nALERTMANAGER_URL: no host"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	result = nil
	if got := send(t, c, http.MethodPost, pathStart, ""); got.Status != 200 {
		t.Errorf("after a failure: %+v, want 200", got)
	}
}

func TestCallbackPanics(t *testing.T) {
	var logs bytes.Buffer
	s, stop := start(t, Options{
		Logger: slog.New(slog.NewTextHandler(&logs, nil)),
		Stop:   func(context.Context) error { panic("out of cheese") },
	})
	c := client(t, s.opts.Socket)
	for range 2 {
		got := send(t, c, http.MethodPost, pathStop, "{}")
		if got.Status != 500 || got.Err != "internal error, a fault of Tocsin: out of cheese" {
			t.Errorf("got %+v", got)
		}
	}
	if got := send(t, c, http.MethodPost, pathStart, ""); got.Status != 200 {
		t.Errorf("another call after a panic: %+v, want 200", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"plugin call panicked", "out of cheese", "server_test.go"} {
		if !strings.Contains(logs.String(), want) {
			t.Errorf("log lacks %q:\n%s", want, logs.String())
		}
	}
}

// However many calls come at once, one callback runs at a time.
func TestCallbacksTakeTurns(t *testing.T) {
	running, most := 0, 0 // guarded by the turn; the race detector checks that
	work := func(context.Context) error {
		running++
		most = max(most, running)
		running--
		return nil
	}
	s, stop := start(t, Options{Start: work, Stop: work})
	c := client(t, s.opts.Socket)
	var all sync.WaitGroup
	for i := range 20 {
		path := []string{pathStart, pathStop}[i%2]
		all.Go(func() {
			if got := send(t, c, http.MethodPost, path, ""); got.Status != 200 {
				t.Errorf("%s: %+v", path, got)
			}
		})
	}
	all.Wait()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if most != 1 {
		t.Errorf("%d callbacks at once, want 1", most)
	}
}

// The engine's client has a time limit; what it asked for happens all the same.
func TestEngineHangsUp(t *testing.T) {
	entered, leave, left := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	s, _ := start(t, Options{Stop: func(ctx context.Context) error {
		close(entered)
		<-leave
		left <- ctx.Err()
		return nil
	}})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://x"+pathStop, nil)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		resp, err := client(t, s.opts.Socket).Do(req)
		if err == nil {
			resp.Body.Close()
		}
		result <- err
	}()
	<-entered
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Fatalf("client got %v", err)
	}
	close(leave)
	if err := <-left; err != nil {
		t.Errorf("the callback's context ended with the connection: %v", err)
	}
}

// A callback that ignores its deadline is answered for, and keeps its turn.
func TestCallbackHangs(t *testing.T) {
	t.Parallel()
	leave := make(chan struct{})
	s, stop := start(t, Options{
		CallTimeout: time.Millisecond,
		Start:       func(context.Context) error { <-leave; return nil },
	})
	c := client(t, s.opts.Socket)
	if got := send(t, c, http.MethodPost, pathStart, ""); got.Status != 500 || !strings.Contains(got.Err, "the call has not ended after 1.001s") {
		t.Errorf("hanging call: %+v", got)
	}
	if got := send(t, c, http.MethodPost, pathStop, ""); got.Status != 500 || !strings.Contains(got.Err, "an earlier call has not ended") {
		t.Errorf("call behind it: %+v", got)
	}
	close(leave)
	if got := send(t, c, http.MethodPost, pathStop, ""); got.Status != 200 {
		t.Errorf("call after it: %+v", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// Who connects and sends too slowly is cut off, and holds up nobody else.
func TestSlowClient(t *testing.T) {
	s, _ := start(t, Options{}, func(s *Server) {
		s.http.ReadHeaderTimeout, s.http.ReadTimeout = 20*time.Millisecond, 20*time.Millisecond
	})
	for name, sent := range map[string]string{
		"headers": "POST " + pathStart + " HTTP/1.1\r\nHost:",
		"body":    "POST " + pathStart + " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{",
	} {
		conn, err := net.Dial("unix", s.opts.Socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Fatal(err)
		}
		if got := send(t, client(t, s.opts.Socket), http.MethodPost, pathStart, ""); got.Status != 200 {
			t.Errorf("%s: other client got %+v", name, got)
		}
		answer, err := io.ReadAll(conn) // ends when the server closes
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(string(answer), "200 OK") {
			t.Errorf("%s: answered %q", name, answer)
		}
	}
}

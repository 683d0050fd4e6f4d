package plugin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// TestOther: what is not of the protocol may be read, and cannot get in its way.
func TestOther(t *testing.T) {
	left := make(chan struct{})
	s, stop := start(t, Options{Other: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			fmt.Fprintln(w, "hanging")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			close(left)
			return
		}
		fmt.Fprint(w, "read "+r.URL.Path)
	})})
	c := client(t, s.opts.Socket)
	for _, tt := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/api/v1/explain", 200, "read /api/v1/explain"},
		{"HEAD", "/", 200, ""},
		{"POST", "/api/v1/query", 404, ""},
		{"GET", pathStop, 405, ""},
		{"POST", pathActivate, 200, `{"Implements":["MetricsCollector"]}` + "\n"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, "http://plugin"+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != tt.status || tt.body != "" && string(body) != tt.body {
			t.Errorf("%s %s: %d %s %v, want %d %s", tt.method, tt.path, resp.StatusCode, body, err, tt.status, tt.body)
		}
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://plugin/hang", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := stop(); err != nil {
		t.Errorf("stop with a reader that hangs: %v", err)
	}
	<-left
}

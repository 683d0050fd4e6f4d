package notify

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seen is what the server knows of a request.
type seen struct{ path, user, password, agent, contentType string }

// TestRealServer goes over a real connection: through the real transport, a
// path prefix and basic authentication, with one failure and one rejection, on
// one connection that is closed when Run returns.
func TestRealServer(t *testing.T) {
	requests := make(chan seen, 10)
	replies := make(chan int, 10)
	opened, closed := make(chan struct{}, 10), make(chan struct{}, 10)
	srv := newServer(requests, replies, opened, closed)
	srv.Start()
	defer srv.Close()

	n, err := New(Options{
		Endpoints: mustParse(t, strings.Replace(srv.URL, "http://", "http://me:se%2Fcret@", 1)+"/a%2Fb/"),
		jitter:    func() float64 { return 0 },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- n.Run(ctx) }()
	n.Send(all(firing("A")))
	want := seen{"/a%2Fb/api/v2/alerts", "me", "se/cret", "tocsin/unknown", "application/json"}
	for _, code := range []int{503, 400} {
		if diff := cmp.Diff(want, <-requests, cmp.AllowUnexported(seen{})); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
		replies <- code
	}
	n.Send(all(firing("B"))) // may or may not share a request with A's refusal
	<-requests
	replies <- 200
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if st := n.Status()[0]; st.Pending != 0 || st.Sent != 1 || st.Dropped != 1 {
		t.Errorf("status: %+v", st)
	}
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the connection is still open")
	}
	if got := len(opened); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}

// newServer reports each request, then answers with the next of the replies.
func newServer(requests chan<- seen, replies <-chan int, opened, closed chan<- struct{}) *httptest.Server {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet { // may come between any two others
			http.NotFound(w, r)
			return
		}
		user, password, _ := r.BasicAuth()
		_, _ = io.Copy(io.Discard, r.Body)
		requests <- seen{r.URL.EscapedPath(), user, password, r.UserAgent(), r.Header.Get("Content-Type")}
		code := <-replies
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `"`+strings.Repeat("x", 10_000)+`"`)
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			opened <- struct{}{}
		case http.StateClosed:
			closed <- struct{}{}
		}
	}
	return srv
}

// TestURLWithoutPath: a request line without its leading slash is a 400 from any
// real server, and no alert ever arrives.
func TestURLWithoutPath(t *testing.T) {
	got := make(chan string, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.RequestURI }))
	defer srv.Close()
	n, err := New(Options{Endpoints: mustParse(t, srv.URL)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- n.Run(ctx) }()
	n.Send(all(firing("A")))
	for _, want := range []string{"/api/v2/status", "/api/v2/alerts"} {
		if uri := <-got; uri != want {
			t.Errorf("request for %q, want %s", uri, want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

package web

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A listener hears of the state at once, of each new one, and of the end.
func TestEvents(t *testing.T) {
	var state atomic.Value
	state.Store(Running)
	h := newHandler(t, Options{Status: func() Status {
		st := fixtureStatus()
		st.State = state.Load().(State)
		return st
	}})
	srv, stream := listen(t, h)
	first := nextEvent(t, stream)
	if page := get(h, "/").Body.String(); !strings.Contains(page, `data-seen="`+first+`"`) {
		t.Errorf("the first event is %q, and the page shows another state", first)
	}
	state.Store(Paused)
	if second := nextEvent(t, stream); second == first {
		t.Error("two events of the same state")
	}
	go srv.Shutdown(t.Context()) // waits for the stream
	for stream.Scan() {
	}
	if err := stream.Err(); err != nil {
		t.Errorf("the stream has not ended in order: %v", err)
	}
}

// A stream outlives the server's time-out for answers.
func TestEventsOutliveTheTimeout(t *testing.T) {
	var at atomic.Int64
	h := newHandler(t, Options{Status: func() Status {
		return Status{State: Running, Since: time.Unix(at.Load(), 0)}
	}})
	_, stream := listen(t, h)
	for range 3 {
		at.Add(1)
		nextEvent(t, stream)
	}
}

// A page that is open while evaluations hang, or through a long pause, is told of the
// time: nothing else changes, and what it shows is no longer so.
func TestEventsTellOfTime(t *testing.T) {
	at := now
	h := newHandler(t, Options{Now: func() time.Time { return at }})
	shown := func() string {
		page := body(t, h, "/", http.StatusOK)
		_, rest, _ := strings.Cut(page, `data-seen="`)
		seen, _, _ := strings.Cut(rest, `"`)
		return seen
	}
	first := shown()
	at = at.Add(time.Second)
	if shown() != first {
		t.Error("a second is news")
	}
	at = at.Add(10 * time.Minute)
	contains(t, body(t, h, "/", http.StatusOK), "Not evaluating: the last evaluation was 10 min ago")
	if shown() == first {
		t.Error("a page that is open goes on to say that all is evaluated")
	}
}

func TestTooManyListeners(t *testing.T) {
	h := newHandler(t, Options{})
	for range maxListeners {
		h.events.slots <- struct{}{}
	}
	if w := get(h, "/events"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("status %d, %v", w.Code, w.Header())
	}
}

// listen opens the stream of a handler's own server, whose time-out for an answer is
// shorter than the test.
func listen(t *testing.T, h *Handler) (*http.Server, *bufio.Scanner) {
	t.Helper()
	srv := h.HTTPServer()
	srv.WriteTimeout = 1500 * time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(l) // until the test ends
	t.Cleanup(func() { srv.Close() })
	addr := l.Addr().String()
	resp, err := http.Get("http://" + addr + "/events") //nolint:noctx // the server ends it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("content type %q", got)
	}
	if got := resp.Header.Get("X-Accel-Buffering"); got != "no" {
		t.Errorf("a proxy may keep events back: %q", got)
	}
	return srv, bufio.NewScanner(resp.Body)
}

func nextEvent(t *testing.T, stream *bufio.Scanner) string {
	t.Helper()
	for stream.Scan() {
		if data, ok := strings.CutPrefix(stream.Text(), "data: "); ok {
			return data
		}
	}
	t.Fatalf("the stream has ended: %v", stream.Err())
	return ""
}

// A stream with no news repeats the last: pages take silence for a lost connection.
func TestEventsBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t, Options{Status: func() Status { return Status{State: Running} }})
		ctx, end := context.WithTimeout(t.Context(), 3*beatEvery+lookEvery/2)
		defer end()
		w := &streamWriter{ResponseRecorder: httptest.NewRecorder()}
		h.serveEvents(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/events", nil))
		events := strings.Split(strings.TrimSpace(w.Body.String()), "\n\n")
		if len(events) != 4 {
			t.Errorf("%d events in three beats, want 4", len(events))
		}
		for _, e := range events {
			if e != events[0] {
				t.Errorf("event %q, want the first again: %q", e, events[0])
			}
		}
	})
}

// streamWriter is a recorder with the deadlines that a stream sets.
type streamWriter struct{ *httptest.ResponseRecorder }

func (*streamWriter) SetWriteDeadline(time.Time) error { return nil }

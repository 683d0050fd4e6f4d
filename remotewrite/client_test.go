package remotewrite

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	promremote "github.com/prometheus/prometheus/storage/remote"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "1.5": 0, "soon": 0, "99999999999999999999": 0,
		"31536000":                      maxRetryAfter,
		"Mon, 23 Nov 2026 12:01:00 GMT": time.Minute,
		"Mon, 23 Nov 2026 11:00:00 GMT": 0,
		"Tue, 23 Nov 2027 12:00:00 GMT": maxRetryAfter,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// What a remote counts is read as the library reads it.
func TestWritten(t *testing.T) {
	values := []string{"", "0", "1", "17", "-3", "+4", " 5", "5 ", "1.5", "0x10", "many", "9223372036854775807", "9223372036854775808"}
	for _, samples := range values {
		for _, histograms := range values {
			for _, exemplars := range values {
				resp := answer(204, "",
					"X-Prometheus-Remote-Write-Samples-Written", samples,
					"X-Prometheus-Remote-Write-Histograms-Written", histograms,
					"X-Prometheus-Remote-Write-Exemplars-Written", exemplars)
				want, _ := promremote.ParseWriteResponseStats(resp) // its error is about what counts as nothing
				if stored, counted := written(resp.Header); stored != want.AllSamples() || counted != want.Confirmed {
					t.Errorf("%q, %q, %q: %d, %v, want %+v", samples, histograms, exemplars, stored, counted, want)
				}
			}
		}
	}
	if stored, counted := written(http.Header{}); stored != 0 || counted {
		t.Errorf("without headers: %d, %v", stored, counted)
	}
}

// FuzzJudge: whatever a remote answers, what is made of it is short, can be printed,
// and waits for a bounded time.
func FuzzJudge(f *testing.F) {
	f.Add(204, "", "", "")
	f.Add(400, "", "3", "out of order sample\nand more")
	f.Add(503, "120", "-1", "\x1b[31m<html>\xff")
	f.Fuzz(func(t *testing.T, code int, after, written, body string) {
		resp := answer(code, "", "Retry-After", after, "X-Prometheus-Remote-Write-Samples-Written", written)
		r := judge(resp, []byte(body))
		if r.after < 0 || r.after > maxRetryAfter {
			t.Errorf("waits %v", r.after)
		}
		if (r.err == nil) != (r.verdict == accepted) {
			t.Errorf("verdict %d with error %v", r.verdict, r.err)
		}
		if r.err == nil {
			return
		}
		if text := r.err.Error(); utf8.RuneCountInString(text) > maxText+200 || strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("error %q", text)
		}
	})
}

// What goes over the wire is what the specification asks for, and errors do not
// tell what may be secret.
func TestPost(t *testing.T) {
	got := make(chan http.Header, 4)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header }))
	defer srv.Close()
	c := &client{http: srv.Client(), url: srv.URL, headers: map[string]string{"X-Scope-OrgID": "edge"}, timeout: time.Minute}
	for protocol, want := range map[remoteapi.WriteMessageType][2]string{
		remoteapi.WriteV1MessageType: {"application/x-protobuf", "0.1.0"},
		remoteapi.WriteV2MessageType: {"application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0"},
	} {
		if r := c.post(t.Context(), []byte("x"), protocol, 3); r.err != nil {
			t.Fatal(r.err)
		}
		h := <-got
		if h.Get("Content-Type") != want[0] || h.Get("X-Prometheus-Remote-Write-Version") != want[1] ||
			h.Get("Content-Encoding") != "snappy" || h.Get("X-Scope-Orgid") != "edge" || h.Get("Retry-Attempt") != "3" {
			t.Errorf("%s: headers %v", protocol, h)
		}
	}
	c.url = strings.Replace(srv.URL, "127.0.0.1", "user:secret@127.0.0.1", 1) + "/?token=secret"
	srv.Close()
	r := c.post(context.Background(), []byte("x"), remoteapi.WriteV1MessageType, 0)
	if r.verdict != later || r.err == nil || strings.Contains(r.err.Error(), "secret") || errors.As(r.err, new(*url.Error)) {
		t.Errorf("a remote that is gone: %d, %v", r.verdict, r.err)
	}
}

package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestReplyFailure(t *testing.T) {
	const json, html = "application/json; charset=utf-8", "text/html"
	for _, tc := range []struct {
		r           reply
		want        verdict
		text, inTip string
	}{
		{reply{status: 500, contentType: json, body: []byte(`"Failed to create"`)}, retry, "status 500 Internal Server Error: Failed to create", ""},
		{reply{status: 503}, retry, "status 503 Service Unavailable", ""},
		{reply{status: 429}, retry, "status 429 Too Many Requests", ""},
		{reply{status: 408}, retry, "status 408 Request Timeout", ""},
		{reply{status: 425}, retry, "status 425 Too Early", ""},
		{reply{status: 400, contentType: json, body: []byte(`"invalid name"`)}, rejected, "status 400 Bad Request: invalid name", ""},
		{reply{status: 400, contentType: json, body: []byte(`{"code":602,"message":"labels is required"}`)}, rejected, "status 400 Bad Request: labels is required", ""},
		{reply{status: 422, contentType: json, body: []byte(`{"code":602,"message":"m"}`)}, rejected, "status 422 Unprocessable Entity: m", ""},
		{reply{status: 413, contentType: html}, rejected, "status 413 Request Entity Too Large", ""},
		{reply{status: 400, contentType: "text/plain", body: []byte("Client sent an HTTP request to an HTTPS server.\n")}, misconfigured,
			"status 400 Bad Request: Client sent an HTTP request to an HTTPS server.", "scheme"},
		{reply{status: 401}, misconfigured, "status 401 Unauthorized", "user and password"},
		{reply{status: 403, body: []byte("no")}, misconfigured, "status 403 Forbidden: no", "user and password"},
		{reply{status: 407}, misconfigured, "status 407 Proxy Authentication Required", "HTTP_PROXY"},
		{reply{status: 404, body: []byte("null")}, misconfigured, "status 404 Not Found: null", "path prefix"},
		{reply{status: 405}, misconfigured, "status 405 Method Not Allowed", "path prefix"},
		{reply{status: 302, location: "https://u:secret@sso/login?token=secret#x"}, misconfigured, "status 302 Found to https://xxxxx@sso/login", "redirects"},
		{reply{status: 301, location: "ht tp://%zz"}, misconfigured, "status 301 Moved Permanently to an invalid address", "redirects"},
		{reply{status: 304}, misconfigured, "status 304 Not Modified", "path prefix"},
	} {
		got := tc.r.failure()
		if got.verdict != tc.want || got.Error() != tc.text || !strings.Contains(got.hint, tc.inTip) {
			t.Errorf("%+v: got %+v, want verdict %d, text %q, hint with %q", tc.r, got, tc.want, tc.text, tc.inTip)
		}
		if (got.hint != "") != (tc.want == misconfigured) {
			t.Errorf("%+v: hint %q with verdict %d", tc.r, got.hint, got.verdict)
		}
	}
}

func TestReplyTextIsBounded(t *testing.T) {
	r := reply{status: 500, body: []byte(strings.Repeat("ä", 10_000))}
	if got := r.failure().text; len(got) > maxText+100 || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("got %d bytes: %q", len(got), got)
	}
}

func TestNetworkFailure(t *testing.T) {
	at := func(err error) error { return &url.Error{Op: "Post", URL: "http://am/api/v2/alerts", Err: err} }
	for _, tc := range []struct {
		err        error
		stopped    bool
		kind, text string
	}{
		{at(errors.New("no route to host")), false, "network", "no route to host"},
		{errors.New("no route to host"), false, "network", "no route to host"},
		{at(context.DeadlineExceeded), false, "timeout", "no reply within 10s"},
		{fmt.Errorf("read: %w", context.DeadlineExceeded), false, "timeout", "no reply within 10s"},
		{at(context.Canceled), true, "stopped", "cut off by the end of the drain timeout"},
	} {
		got := networkFailure(tc.err, 10*time.Second, tc.stopped)
		if got.verdict != retry || got.kind != tc.kind || got.text != tc.text {
			t.Errorf("%v: got %+v, want %s: %s", tc.err, got, tc.kind, tc.text)
		}
	}
}

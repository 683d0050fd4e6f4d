package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// ask makes a request by a host name, with headers in pairs.
func ask(h http.Handler, method, host, target string, headers ...string) *httptest.ResponseRecorder {
	r := request(method, target, "")
	r.Host = host
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHosts(t *testing.T) {
	h := newHandler(t, Options{Hostnames: []string{"Edge-17", "edge-17.local", "alerts.example.org"}, AllowedHosts: []string{"tocsin.example.com", "*.lan"}})
	for host, ours := range map[string]bool{
		"127.0.0.1:9193": true, "127.0.0.1": true, "192.168.1.7:9193": true, "[::1]:9193": true, "[::1]": true, "[fe80::1]:9193": true,
		"localhost:9193": true, "LOCALHOST": true, "localhost.": true, "edge-17:9193": true, "EDGE-17": true, "edge-17.local": true,
		"alerts.example.org:80": true, "tocsin.example.com": true, "tocsin.example.com.:443": true, "a.lan": true, "a.b.lan:9193": true, "": true,
		"evil.example": false, "evil.example:9193": false, "localhost.evil.example": false, "edge-17.evil.example": false,
		"127.0.0.1.evil.example": false, "127.0.0.1.nip.io:9193": false, "lan": false, "evillan": false, "tocsin.example.com.evil.example": false,
		"x.tocsin.example.com": false, "1.2.3": false, "0x7f.1": false, "2130706433": false, "[::1": true, "a:b:c": false, "[::1]:x.evil.example": false, "[fe80::1%25eth0]:9193": false, "127.0.0.1:9193:80": false,
	} {
		for _, target := range []string{"/", "/metrics", "/api/v1/query?query=1"} {
			w := ask(h, http.MethodGet, host, target)
			if want := map[bool]int{true: 200, false: 403}[ours]; w.Code != want {
				t.Errorf("Host %q, %s: %d, want %d", host, target, w.Code, want)
			}
			if !ours && !strings.Contains(w.Body.String(), "WEB_ALLOWED_HOSTS") {
				t.Errorf("Host %q: %s does not say what to do", host, w.Body)
			}
		}
		if w := ask(h, http.MethodGet, host, "/-/healthy"); w.Code != 200 {
			t.Errorf("Host %q: the probe answers %d", host, w.Code)
		}
	}
	if got := decodeFailure(t, ask(h, http.MethodGet, "evil.example", "/api/v1/alerts")); got.ErrorType != "forbidden" || got.Status != "error" {
		t.Errorf("API: %+v", got)
	}
	if got := testutil.ToFloat64(h.metrics.refused.WithLabelValues(reasonHost)); got == 0 {
		t.Error("refusals are not counted")
	}
	open := newHandler(t, Options{AllowedHosts: []string{"*"}})
	if w := ask(open, http.MethodGet, "evil.example", "/"); w.Code != 200 {
		t.Errorf("any host is allowed: %d", w.Code)
	}
}

func TestHostileHostIsNotEchoedAtLength(t *testing.T) {
	w := ask(newHandler(t, Options{}), http.MethodGet, strings.Repeat("<script>", 5000), "/")
	if w.Code != 403 || w.Body.Len() > 500 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("%d, %d bytes of %s", w.Code, w.Body.Len(), w.Header().Get("Content-Type"))
	}
}

func TestOrigins(t *testing.T) {
	h := newHandler(t, Options{AllowedHosts: []string{"tocsin.example.com"}, Reload: func() error { return nil }})
	const query, host = "/api/v1/query?query=1", "192.168.1.7:9193"
	for _, tt := range []struct {
		name, method, target string
		headers              []string
		code                 int
	}{
		{"a program", "POST", query, nil, 200},
		{"typed address", "GET", query, []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"own page", "POST", query, []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://" + host}, 200},
		{"own page without a referrer", "POST", query, []string{"Sec-Fetch-Site", "same-origin", "Origin", "null"}, 200},
		{"own page, old browser", "POST", query, []string{"Origin", "http://" + host}, 200},
		{"own page behind a proxy", "POST", query, []string{"Origin", "https://tocsin.example.com"}, 200},
		{"link in a chat", "GET", "/graph?g0.expr=up", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"link in Alertmanager on this machine", "GET", "/", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"probe from anywhere", "GET", "/-/ready", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 200},

		{"fetch", "GET", query, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Origin", "https://evil.example"}, 403},
		{"image", "GET", query, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, 403},
		{"script", "GET", "/metrics", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"}, 403},
		{"frame", "GET", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"form", "POST", "/-/reload", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403},
		{"form, old browser", "POST", "/-/reload", []string{"Origin", "https://evil.example"}, 403},
		{"sandboxed page, old browser", "POST", "/-/reload", []string{"Origin", "null"}, 403},
		{"fetch, old browser", "GET", query, []string{"Origin", "https://evil.example"}, 403},
		{"another port of this machine", "POST", query, []string{"Origin", "http://192.168.1.7:8080"}, 403},
		{"preflight", "OPTIONS", query, []string{"Origin", "https://evil.example", "Access-Control-Request-Method", "POST"}, 403},
		{"sample writer", "POST", "/api/v1/write", []string{"Origin", "https://evil.example"}, 403},
		{"odd origin", "POST", query, []string{"Origin", "http://%zz"}, 403},
		{"a word that no browser sends", "GET", query, []string{"Sec-Fetch-Site", "?"}, 403},
	} {
		w := ask(h, tt.method, host, tt.target, tt.headers...)
		if w.Code != tt.code {
			t.Errorf("%s: %d %s, want %d", tt.name, w.Code, w.Body, tt.code)
		}
		if w.Code == 403 && !strings.Contains(w.Body.String(), "another origin") {
			t.Errorf("%s: %s does not say why", tt.name, w.Body)
		}
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s: pages of %s may read this", tt.name, got)
		}
	}
	if got := testutil.ToFloat64(h.metrics.refused.WithLabelValues(reasonOrigin)); got < 10 {
		t.Errorf("%v refusals counted", got)
	}
}

func FuzzHost(f *testing.F) {
	for _, s := range []string{"", "localhost", "[::1]:1", "a.lan", "evil.example:80", "127.0.0.1.nip.io", "[", ":", "a:b:c", "::1%25", "[::1]:", "xn--a", "\x00"} {
		f.Add(s)
	}
	h := newHosts([]string{"edge-17"}, []string{"*.lan", "tocsin.example.com"})
	f.Fuzz(func(t *testing.T, s string) {
		if name := bareHost(s); bareHost(name) != name && !strings.ContainsAny(name, ":[].") {
			t.Errorf("%q: %q is not bare", s, name)
		}
		// Whatever stands before the domain of somebody else.
		if evil := s + ".evil.example"; h.ours(evil) || h.ours(evil+":9193") {
			t.Errorf("%q is ours", evil)
		}
	})
}

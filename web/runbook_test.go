package web

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/engine"
)

// A runbook of ours has a copy on the host, linked beside the address that needs an
// uplink; somebody else's of the same name has none.
func TestRunbook(t *testing.T) {
	link := ""
	h := newHandler(t, Options{
		Runbooks: fstest.MapFS{"Stopped.md": {Data: []byte("# Stopped\n<script>\n")}},
		Snapshot: func() *engine.Snapshot {
			s := fixture()
			s.Groups[0].Rules[0].Alerts[0].Annotations = labels.FromStrings("runbook_url", link)
			return s
		},
	})
	for url, want := range map[string]bool{
		"https://git.example/tocsin/blob/main/docs/runbooks/Stopped.md": true,
		"https://git.example/tocsin/blob/main/docs/runbooks/Other.md":   false,
		"https://wiki.example/Stopped.md":                               false,
		"javascript:/docs/runbooks/Stopped.md":                          false,
	} {
		link = url
		if got := strings.Contains(body(t, h, "/", http.StatusOK), `href="runbooks/Stopped.md"`); got != want {
			t.Errorf("%s: a copy %v, want %v", url, got, want)
		}
	}
	w := get(h, "/runbooks/Stopped.md")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" || w.Body.String() != "# Stopped\n<script>\n" {
		t.Errorf("status %d, %v: %s", w.Code, w.Header(), w.Body)
	}
	for _, path := range []string{"/runbooks/None.md", "/runbooks/..%2Fweb.go", "/runbooks/."} {
		if w := get(h, path); w.Code == http.StatusOK {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
}

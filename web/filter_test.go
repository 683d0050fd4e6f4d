package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
)

func TestFilter(t *testing.T) {
	x := alertRef{
		group: &engine.GroupStatus{File: "/rules/Docker.yml"},
		alert: &alert.Alert{
			Labels:      labels.FromStrings("alertname", "DiskFull", "severity", "critical", "host", "edge-17", "path", `C:\a b`),
			Annotations: labels.FromStrings("summary", "Only 3 % are left"),
		},
	}
	for text, want := range map[string]bool{
		"": true, " , ": true, "{}": true,
		"severity=critical": true, `severity="critical"`: true, `{severity="critical", host=~"edge-.*"}`: true, "severity = critical": true,
		"severity=warning": false, "severity!=warning": true, "severity=~crit": false, "host!~edge.*": false, "none=": true, `none!=""`: false,
		"disk": true, "DISK full": true, "disk nothing": false, `"3 % are"`: true, "docker.yml": true, "severity=critical left": true,
		`path="C:\\a b"`: true, `path=~"C:.*"`: true, "host": true,
	} {
		f, err := parseFilter(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := len(f.choose([]alertRef{x})) == 1; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"host=~(":                  "label host: error parsing regexp: missing closing )",
		`host="`:                   "cannot be read",
		`severity=critical "open`:  "cannot be read",
		`a="\x"`:                   "a backslash stands before",
		strings.Repeat("x", 1_001): "1001 characters, and 1000 are read",
	} {
		if _, err := parseFilter(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30s: error %v, want %q", text, err, want)
		}
	}
}

// The filter and the state narrow what the page shows, and an error says what to do.
func TestAlertsPageFilters(t *testing.T) {
	h := newHandler(t, Options{})
	for target, want := range map[string][]string{
		"/?q=job%3Da":              {"Stopped", "2 hidden by the filter", `value="job=a"`},
		"/?q=job%3Dnone":           {"No alert that matches the filter is firing", "3 hidden by the filter"},
		"/?state=pending":          {`<option value="pending" selected>`, "12345.7"},
		"/?state=resolved&q=job=b": {"Recently resolved", "41 min"},
	} {
		contains(t, body(t, h, target, http.StatusOK), want...)
	}
	if page := body(t, h, "/?state=pending", http.StatusOK); strings.Contains(page, `id="firing"`) {
		t.Error("what fires is among what is pending")
	}
	contains(t, body(t, h, "/?q="+url.QueryEscape(`x=~(`), http.StatusBadRequest), "missing closing )", `aria-invalid="true"`, "<h1>1 alert firing</h1>")
}

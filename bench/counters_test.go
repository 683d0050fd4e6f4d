package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestIterations(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want iterations
	}{
		"Prometheus": {`# TYPE prometheus_rule_group_iterations_total counter
prometheus_rule_group_iterations_total{rule_group="a"} 7
prometheus_rule_group_iterations_total{rule_group="b"} 3
# TYPE prometheus_rule_group_iterations_missed_total counter
prometheus_rule_group_iterations_missed_total{rule_group="a"} 2
`, iterations{due: 10, missed: 2}},
		"vmalert": {`vmalert_iteration_total{group="a"} 8
vmalert_iteration_missed_total{group="a"} 2
`, iterations{due: 10, missed: 2}},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tc.text) }))
		t.Cleanup(server.Close)
		l := &lane{setup: setup{listen: []string{strings.TrimPrefix(server.URL, "http://")}}}
		got, err := l.iterations()
		if err != nil || got != tc.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, tc.want)
		}
		if part := got.since(iterations{due: 6, missed: 1}); part != .25 {
			t.Errorf("%s: %v of those since then missed, want a quarter", name, part)
		}
	}
	if part := (iterations{due: 5, missed: 1}).since(iterations{due: 5, missed: 1}); part != 0 {
		t.Errorf("%v missed where none were due", part)
	}
}

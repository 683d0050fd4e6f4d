package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/prompb"
)

// A past that differs from what is scraped later would be other series.
func TestPastIsWhatTheTargetServes(t *testing.T) {
	w := workload{seed: 1, series: 25, interval: time.Second, past: 3}
	m := w.metrics()
	l := &lane{target: &target{url: "http://h:1/metrics", metrics: m}}
	l.setup.past, l.setup.interval = w.past, w.interval
	h, err := m.pastScrapes(l)
	if err != nil {
		t.Fatal(err)
	}
	l.instance = "edge-7" // of who labels it otherwise
	edge := func(l prompb.Label) bool { return l.Name == "instance" && l.Value == "edge-7" }
	if other, err := m.pastScrapes(l); err != nil || !slices.ContainsFunc(other.labels[0], edge) {
		t.Errorf("%v has not the instance of who scrapes it: %v", other.labels[0], err)
	}
	if len(h.times) != w.past || len(h.labels) != w.series || !h.times[0].After(m.begun) {
		t.Fatalf("%d times from %s on, %d series since %s", len(h.times), h.times[0], len(h.labels), m.begun)
	}
	at := h.times[1]
	lines := strings.Split(strings.TrimSpace(string(m.expose(at, nil, false))), "\n")
	for i, labels := range h.labels {
		for _, l := range labels {
			switch l.Name {
			case "__name__":
				if !strings.HasPrefix(lines[i], l.Value+"{") {
					t.Errorf("series %d is %s, the target has %s", i, l.Value, lines[i])
				}
			case "job", "instance":
				if l.Value != scrapeJob && l.Value != "h:1" {
					t.Errorf("series %d has %s %q", i, l.Name, l.Value)
				}
			default:
				if !strings.Contains(lines[i], l.Name+`="`+l.Value+`"`) {
					t.Errorf("series %d has %s %q, the target %s", i, l.Name, l.Value, lines[i])
				}
			}
		}
		if want := m.sources[i].value(at.Sub(m.begun).Seconds()); h.value(i, at) != want {
			t.Errorf("series %d is %v, want %v", i, h.value(i, at), want)
		}
	}
}

// Samples that are an hour older than others would be refused.
func TestDenseHistoryFitsTheHead(t *testing.T) {
	h := denseHistory(100, 2*time.Hour)
	if len(h.times) != 480 || len(h.labels) != 100 {
		t.Fatalf("%d times, %d series", len(h.times), len(h.labels))
	}
	if span := time.Since(h.times[0]); span > headSpan+time.Minute {
		t.Errorf("it reaches back %s", span)
	}
	for i := 1; i < len(h.times); i++ {
		if !h.times[i].After(h.times[i-1]) {
			t.Fatalf("%s comes before %s", h.times[i], h.times[i-1])
		}
	}
}

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSpread(t *testing.T) {
	for _, tc := range []struct {
		in   []float64
		want spread
	}{
		{nil, spread{}},
		{[]float64{math.NaN()}, spread{}},
		{[]float64{3}, spread{3, 3, 3, 1}},
		{[]float64{3, 1, math.NaN(), 2}, spread{1, 2, 3, 3}},
		{[]float64{4, 1, 2, 3}, spread{1, 2.5, 4, 4}},
	} {
		if diff := cmp.Diff(tc.want, spreadOf(tc.in), cmp.AllowUnexported(spread{})); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tc.in, diff)
		}
	}
}

// A ratio is one of values of the same round.
func TestRatios(t *testing.T) {
	r := newResults()
	for i, v := range []float64{2, math.NaN(), 9} {
		r.set(measureCPU, "a", i, v)
	}
	for i, v := range []float64{4, 5, 0} {
		r.set(measureCPU, "b", i, v)
	}
	if diff := cmp.Diff([]float64{.5}, r.ratios(measureCPU, "a", "b")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Who fails in one round is not compared with another round of the others.
func TestRoundsStayInStep(t *testing.T) {
	r := newResults()
	r.set(measureCPU, "b", 0, 4)
	r.set(measureCPU, "b", 1, 6)
	r.set(measureCPU, "a", 1, 3)
	if diff := cmp.Diff([]float64{.5}, r.ratios(measureCPU, "a", "b")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !r.empty(measureRSS) || r.empty(measureCPU) {
		t.Error("empty is not what has no values")
	}
}

func TestFormats(t *testing.T) {
	for got, want := range map[string]string{
		size(512): "512 B", size(1 << 10): "1.00 KiB", size(45.26 * (1 << 20)): "45.3 MiB", size(3 << 30): "3.00 GiB",
		duration(.0000123): "12.3 µs", duration(.0152): "15.2 ms", duration(1.5): "1.50 s", duration(120): "120 s",
		ratio(.0347): "0.035", ratio(.76): "0.76", ratio(1.26): "1.3", ratio(19.4): "19", ratio(0): "0",
		valueCell(nil, ratio): "", valueCell([]float64{2}, ratio): "2.0", valueCell([]float64{1, 3, 2}, ratio): "2.0 (1.0 – 3.0)",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestReport(t *testing.T) {
	b := &bench{
		form: mediumForm(), results: newResults(), log: slog.New(slog.DiscardHandler),
		contestants: []contestant{tocsin("tocsin", os.Args[0]), prometheus(baseName, "", os.Args[0])},
	}
	for i, c := range b.contestants {
		b.contestants[i].paths = []string{os.Args[0]}
		b.results.set(measureRSS, c.name, 0, float64(i+1)*(40<<20))
		for _, x := range axes {
			b.results.point(x, c.name, point{size: 1000, cost: cost{cpu: .01, rss: 4e7}})
			b.results.point(x, c.name, point{size: 10000, cost: cost{cpu: .1, rss: 9e7}, missed: .5, took: 20 * time.Second, slow: i > 0})
		}
	}
	b.results.note("Something failed.")
	b.results.took(part{name: partStorm}, 61*time.Second)
	b.results.took(part{name: partSteady, beside: true}, 2*time.Minute)
	rep, err := newReport(b)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "performance.md")
	if err := rep.write(out); err != nil {
		t.Fatal(err)
	}
	text := read(t, out)
	for _, want := range []string{"| tocsin | 40.0 MiB |", "| RSS, ordinary load | 40.0 MiB | 0.50 |  | ≤ 0.50 | yes |", "50 % of the evaluations missed; cannot keep up: an evaluation takes 20.0 s", "](performance.svg)", "- Something failed.", "storm 1m1s, steady 2m0s (beside the others).", "10.0 ms, 38.1 MiB"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	for _, private := range []string{os.Args[0], filepath.Dir(out)} {
		if strings.Contains(text, private) {
			t.Errorf("the report names %s", private)
		}
	}
	picture := xml.NewDecoder(strings.NewReader(read(t, strings.TrimSuffix(out, "md")+"svg")))
	for {
		if _, err := picture.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("picture: %v", err)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

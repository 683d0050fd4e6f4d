package main

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
)

func judged() *bench {
	return &bench{form: shortForm(), results: newResults(), log: slog.New(slog.DiscardHandler), contestants: []contestant{tocsin("tocsin", "")}}
}

func TestReached(t *testing.T) {
	ratioGoal := goal{measure: measureRSS, most: .5}
	valueGoal := goal{measure: measureRSS, most: 20, value: true}
	for name, tc := range map[string]struct {
		goal                 goal
		ours, debian, newest []float64
		want                 string
	}{
		"nothing measured":      {goal: ratioGoal},
		"only our own":          {goal: ratioGoal, ours: []float64{1}},
		"below one":             {goal: ratioGoal, ours: []float64{10}, debian: []float64{40}, want: "yes"},
		"above the other":       {goal: ratioGoal, ours: []float64{10}, debian: []float64{40}, newest: []float64{15}, want: "**no**"},
		"the median counts":     {goal: ratioGoal, ours: []float64{10, 10, 90}, debian: []float64{40, 40, 40}, want: "yes"},
		"a value":               {goal: valueGoal, ours: []float64{20}, want: "yes"},
		"a value that is above": {goal: valueGoal, ours: []float64{21}, debian: []float64{100}, want: "**no**"},
		"a report":              {goal: goal{measure: measureRSS}, ours: []float64{10}, debian: []float64{40}},
	} {
		r := newResults()
		for of, values := range map[string][]float64{"tocsin": tc.ours, baseName: tc.debian, libraryName: tc.newest} {
			for i, v := range values {
				r.set(measureRSS, of, i, v)
			}
		}
		if got := r.reached(tc.goal, "tocsin"); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// CI must not pass because nothing was measured.
func TestWhatIsMissingIsOutOfItsMargin(t *testing.T) {
	b := judged()
	err, parts := b.outOfMargin(b.parts())
	for _, g := range goals() {
		if g.atMost > 0 && (err == nil || !strings.Contains(err.Error(), g.what+" was not measured") || g.part != "" && !slices.ContainsFunc(parts, func(p part) bool { return p.name == g.part })) {
			t.Errorf("%s is missing, and passes", g.what)
		}
	}
}

func TestMargins(t *testing.T) {
	b := judged()
	for _, g := range goals() {
		if g.atMost == 0 {
			continue
		}
		base := baseName
		if g.part == partCycle {
			base = libraryName
		}
		b.results.set(g.measure, b.subject(g), 0, g.atMost*100)
		b.results.set(g.measure, base, 0, 100)
	}
	// Memory mode is a variant: what it wrote is compared with the same base.
	if err, parts := b.outOfMargin(b.parts()); err != nil || parts != nil {
		t.Errorf("all at their margin: %v, parts %v", err, parts)
	}
	b.results.set(measureRSS, "tocsin", 0, 101)
	if err, parts := b.outOfMargin(b.parts()); err == nil || len(parts) != 1 || parts[0].name != partSteady {
		t.Errorf("RSS above its margin: %v, parts %v", err, parts)
	}
	if err, _ := b.outOfMargin([]part{{name: partStorm}}); err != nil {
		t.Errorf("another part: %v", err)
	}
	b.results.forget([]part{{name: partSteady}})
	if err, _ := b.outOfMargin([]part{{name: partSteady}}); err == nil || !strings.Contains(err.Error(), "was not measured") {
		t.Errorf("a forgotten part: %v", err)
	}
}

func TestBenchmarksAreRead(t *testing.T) {
	b := judged()
	text := `goos: linux
BenchmarkCycle/1000x100/shared-2   20  3360486 ns/op  100.0 %planned  0.25 cpu-ms/cycle  52.24 ratio  13.5 reference-cpu-ms/cycle
BenchmarkIngest 	20	   6184928 ns/op	        31.0 %overhead	       283.7 ns/sample
PASS
`
	if err := b.addMicro(1, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	cycle := b.results.ratios("Cycle/1000x100/shared", "tocsin", libraryName)
	if len(cycle) != 1 || ratio(cycle[0]) != "0.019" {
		t.Errorf("ratios %v of a cycle", cycle)
	}
	if s := spreadOf(b.results.values["Ingest"]["tocsin"]); s.n != 1 || percent(s.median) != "31 %" {
		t.Errorf("ingestion %+v", s)
	}
	if err := b.addMicro(2, strings.NewReader("PASS\n")); err == nil {
		t.Error("nothing measured, and no error")
	}
}

func TestHalvesOfTheDayAreCompared(t *testing.T) {
	b := judged()
	b.form.dayHours = 4
	text := `=== RUN   TestMemoryIsFlat
    day_test.go:137: hour  1:  9.25 MiB live at most,  38.0 MiB resident
    day_test.go:137: hour  2:  9.50 MiB live at most,  40.0 MiB resident
    day_test.go:137: hour  3:  9.75 MiB live at most,  44.0 MiB resident
    day_test.go:137: hour  4: 10.00 MiB live at most,  42.0 MiB resident
--- PASS: TestMemoryIsFlat (1.00s)
`
	if err := b.addDay(0, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if got := b.results.values[measureFlat]["tocsin"]; len(got) != 1 || ratio(got[0]) != "1.1" {
		t.Errorf("%v, want 1.1", got)
	}
	if err := b.addDay(0, []byte("testing: warning: no tests to run\n")); err == nil {
		t.Error("no hours, and no error")
	}
}

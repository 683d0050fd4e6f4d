package main

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The promise that is kept with each change: less memory than Debian's Prometheus,
// and no more CPU, with the same targets and rules at the same time. Ratios hold on
// a busy machine where times do not; the margins are wide all the same.
func TestTocsinIsSmallerThanPrometheus(t *testing.T) {
	for name, most := range measured(t) {
		if most.got <= 0 || most.got > most.want {
			t.Errorf("%s of Tocsin ÷ Prometheus is %.2f, want at most %.2f", name, most.got, most.want)
		} else {
			t.Logf("%s of Tocsin ÷ Prometheus is %.2f", name, most.got)
		}
	}
}

type limit struct{ got, want float64 }

// measured runs the ordinary load once, in half a minute.
func measured(t *testing.T) map[string]limit {
	t.Helper()
	debian, err := exec.LookPath("prometheus")
	if err != nil {
		const missing = "Debian's prometheus is missing: bench/install-deps installs it"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	binary := filepath.Join(t.TempDir(), "tocsin")
	build := exec.Command("scripts/build", binary)
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build tocsin: %v\n%s", err, out)
	}
	f := shortForm()
	f.warmUp, f.window, f.windows = 5*time.Second, 15*time.Second, 1
	b := &bench{form: f, dir: t.TempDir(), log: slog.New(slog.DiscardHandler), results: newResults()}
	all := []contestant{tocsin("tocsin", binary, false), prometheus(baseName, "", debian)}
	if err := b.steady(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	ratio := func(measure string) float64 {
		return spreadOf(b.results.ratios(measure, "tocsin", baseName)).median
	}
	return map[string]limit{
		"RSS": {ratio(measureRSS), .9},
		"CPU": {ratio(measureCPU), 1.2},
	}
}

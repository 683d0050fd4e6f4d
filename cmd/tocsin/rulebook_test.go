package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestWhatRunsInPlace: of a file that has become bad its last good version runs, of
// one that never was good what is good of it, and the page is told so.
func TestWhatRunsInPlace(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const head = "groups:\n- name: g\n  rules:\n"
	const good, bad = "  - {alert: A, expr: up}\n  - {alert: B, expr: up}\n", "  - {alert: C, expr: up(}\n"
	edited, never := write("edited.yml", head+good), write("never.yml", head+"  - {alert: D, expr: up}\n"+bad)
	fine := write("fine.yml", head+good)
	b := newRulebook(dir, false, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	b.load()
	write("edited.yml", head+good+bad)
	groups, complete := b.load()
	if complete || ruleCount(groups) != "5 rules" {
		t.Errorf("%s run, complete %v", ruleCount(groups), complete)
	}
	for path, want := range map[string]string{
		edited: "its last good version runs on: 2 rules", never: "what is good of it runs: 1 rule", fine: "", "none.yml": "",
	} {
		if got := b.inPlaceOf(path); got != want {
			t.Errorf("in place of %s: %q, want %q", path, got, want)
		}
	}
}

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReplayExitCodes(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "tsdb")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args string
		want int
	}{
		{"--storage.path=/nowhere", exitFailure},
		{"--storage.path=" + filepath.Dir(empty), exitFailure},
		{"--rules.path=/nowhere", exitFailure},
		{"--from=soon", exitUsage},
		{"--from=1h --to=1h", exitUsage},
		{"--url=ftp://x", exitUsage},
		{"--output=pdf", exitUsage},
		{"--alert.hold-limit=-1s", exitUsage},
		{"extra", exitUsage},
		{"--help", exitOK},
	} {
		var stdout, stderr strings.Builder
		getenv := func(name string) string { return map[string]string{"ALERTMANAGER_URL": "of no interest here"}[name] }
		got := command(context.Background(), append([]string{"replay"}, strings.Fields(tc.args)...), console{getenv, &stdout, &stderr})
		if got != tc.want {
			t.Errorf("replay %s: exit code %d, want %d: %s", tc.args, got, tc.want, stderr.String())
		}
		if (tc.want != exitOK) != (stderr.Len() > 0) {
			t.Errorf("replay %s: stderr %q", tc.args, stderr.String())
		}
	}
}

func TestParseMoment(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"now": now, "0s": now, "24h": now.Add(-24 * time.Hour), "1d12h": now.Add(-36 * time.Hour), "90m": now.Add(-90 * time.Minute),
		"2026-11-20T10:00:00Z": now.Add(-50 * time.Hour), "2026-11-20T11:00:00.5+01:00": now.Add(-50*time.Hour + 500*time.Millisecond),
		"1795132800": time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), "1795132800.25": time.Date(2026, 11, 20, 0, 0, 0, 250e6, time.UTC), "0": time.Unix(0, 0),
	} {
		got, err := parseMoment(in, now)
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "yesterday", "-1h", "-5", "NaN", "+Inf", "1e300", "2026-11-20", "24 h", "1.5h"} {
		if got, err := parseMoment(in, now); err == nil {
			t.Errorf("%q: %v, want an error", in, got)
		}
	}
}

// TestProgressIsForTerminals: /dev/null is one as far as anybody can tell, a file
// and a pipe are none.
func TestProgressIsForTerminals(t *testing.T) {
	for path, want := range map[string]bool{os.DevNull: true, filepath.Join(t.TempDir(), "file"): false} {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		show, end := newProgress(f)
		if (show != nil) != want {
			t.Errorf("progress on %s: %v, want %v", path, show != nil, want)
		}
		end()
		f.Close()
	}
	if show, _ := newProgress(&strings.Builder{}); show != nil {
		t.Error("progress on what is no file")
	}
}

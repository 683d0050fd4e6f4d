package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestUsageOfThisProcess(t *testing.T) {
	u, err := usageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if u.rss < u.anon || u.anon <= 0 || u.peak <= 0 || u.written < 0 {
		t.Errorf("usage %+v", u)
	}
	sum := u.add(u)
	if sum.rss != 2*u.rss || sum.cpu != 2*u.cpu || sum.written != 2*u.written {
		t.Errorf("sum %+v of %+v", sum, u)
	}
}

func TestCPUTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stat")
	for _, tc := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20", 2 * time.Second, true},
		{"7 (a) S 1 2 3", 0, false},
		{"7 (a) S 1 2 3 4 5 6 7 8 9 10 x 50 0", 0, false},
		{"", 0, false},
	} {
		// The name ends at the last parenthesis.
		if err := os.WriteFile(path, []byte(tc.text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := cpuTime(path)
		if got != tc.want || (err == nil) != tc.ok {
			t.Errorf("%q: %s, %v; want %s", tc.text, got, err, tc.want)
		}
	}
}

func TestStrippedSize(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(self)
	if err != nil {
		t.Fatal(err)
	}
	got, err := strippedSize(self)
	if err != nil || got <= 0 || got > info.Size() {
		t.Errorf("%d of %d bytes, %v", got, info.Size(), err)
	}
}

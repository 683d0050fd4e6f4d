package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestExitsWaitLonger(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name string
		vain int
		last time.Duration // before now
		age  time.Duration
		want time.Duration
	}{
		{"the first is free", 0, 0, 0, 0},
		{"none was in vain", 0, time.Second, time.Second, 0},
		{"second, at once", 1, 0, 0, time.Minute},
		{"second, a little later", 1, 20 * time.Second, 19 * time.Second, 40 * time.Second},
		{"second, in time", 1, time.Minute, 59 * time.Second, 0},
		{"third", 2, 0, 0, 2 * time.Minute},
		{"sixth", 5, 0, 0, 16 * time.Minute},
		{"seventh", 6, 0, 0, 32 * time.Minute},
		{"eighth", 7, 0, 0, time.Hour},
		{"many", 1 << 40, 0, 0, time.Hour},
		{"the clock went back a year", 1, -365 * 24 * time.Hour, 10 * time.Second, 50 * time.Second},
		{"the clock went back, long ago", 1, -365 * 24 * time.Hour, time.Minute, 0},
	} {
		e := exits{record: exitRecord{Vain: tc.vain, Last: now.Add(-tc.last)}}
		if got := e.wait(now, tc.age); got != tc.want {
			t.Errorf("%s: waits %s, want %s", tc.name, got, tc.want)
		}
	}
}

// TestExitsAreCountedOverProcesses: whatever has become of the file, no process ends
// twice in a minute for nothing.
func TestExitsAreCountedOverProcesses(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	write := func(text string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tc := range []struct {
		name  string
		fault func(t *testing.T, path string)
		// want is what the next process waits, wantAdd whether it can count.
		want    time.Duration
		wantAdd bool
	}{
		{"none", func(*testing.T, string) {}, time.Minute, true},
		{"empty", write(""), time.Minute, true},
		{"torn", write(`{"vain":1,"la`), time.Minute, true},
		{"negative", write(`{"vain":-1}`), time.Minute, true},
		{"no time", write(`{"vain":3}`), time.Minute, true},
		{"huge", write(`{"vain":4611686018427387904,"last":"2026-11-20T12:00:00Z"}`), time.Hour, true},
		{"removed", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, 0, true}, // as a new data directory: the first is free
		{"something else in its place", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(path, "x"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, time.Minute, false},
		{"cannot be written", func(t *testing.T, path string) {
			if err := os.MkdirAll(filepath.Join(path+".tmp", "x"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, time.Minute, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data") // it may not be there yet
			first := loadExits(dir)
			if w := first.wait(now, 0); w != 0 || first.unknown != nil {
				t.Fatalf("the first waits %s, %v", w, first.unknown)
			}
			if err := first.add(now); err != nil {
				t.Fatal(err)
			}
			tc.fault(t, first.path)
			next := loadExits(dir)
			if got := next.wait(now, 0); got != tc.want {
				t.Errorf("the next waits %s, want %s", got, tc.want)
			}
			if err := next.add(now.Add(tc.want)); (err == nil) != tc.wantAdd {
				t.Errorf("counted with error %v, want it counted: %t", err, tc.wantAdd)
			}
			if !tc.wantAdd {
				if young, old := next.wait(now, 0), next.wait(now, time.Minute); young != time.Minute || old != 0 {
					t.Errorf("without a file it waits %s when young, %s when old: want 1m0s, 0s", young, old)
				}
			}
			next.succeeded()
			if got := next.wait(now, 0); got != 0 {
				t.Errorf("after a scrape it waits %s", got)
			}
		})
	}
}

// FuzzExits: whatever the file says, an exit is never put off for longer than the
// bound, and can be counted.
func FuzzExits(f *testing.F) {
	for _, seed := range []string{"", "{}", "null", "[]", `{"vain":1,"last":"2026-11-20T12:00:00Z","total":3}`, `{"vain":9223372036854775807,"last":"9999-12-31T23:59:59Z"}`} {
		f.Add(seed, int64(0))
	}
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string, age int64) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, exitsFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		e := loadExits(dir)
		if w := e.wait(now, time.Duration(age)&(1<<62-1)); w < 0 || w > longestExitWait {
			t.Errorf("waits %s", w)
		}
		if err := e.add(now); err != nil {
			t.Error(err)
		}
		if next := loadExits(dir); next.wait(now, 0) < firstExitWait {
			t.Errorf("the next waits %s: %+v, %v", next.wait(now, 0), next.record, next.unknown)
		}
	})
}

package main

import (
	"log/slog"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
	"time"
)

func TestThrift(t *testing.T) {
	t.Setenv("GOMAXPROCS", "") // restored by the test; unset below
	if err := os.Unsetenv("GOMAXPROCS"); err != nil {
		t.Fatal(err)
	}
	all := runtime.GOMAXPROCS(0)
	defer runtime.SetDefaultGOMAXPROCS()
	f := newFootprint(time.Minute, slog.New(slog.DiscardHandler))
	now, used := f.asked, f.used
	for _, step := range []struct {
		cpu  time.Duration // in ten seconds
		want pace
	}{
		{time.Second, busy}, // a tenth of a CPU is neither much nor little
		{9 * time.Second, busy},
		{time.Second, busy},
		{time.Second / 5, thrifty},
		{time.Second, thrifty},
		{0, thrifty},
		{4 * time.Second, busy},
		{15 * time.Second, busy},
		{time.Second / 5, thrifty},
	} {
		now, used = now.Add(10*time.Second), used+step.cpu
		f.keepPace(now, used)
		cpus := all
		if step.want == thrifty {
			cpus = fewCPUs
		}
		if got := runtime.GOMAXPROCS(0); f.pace != step.want || got != cpus {
			t.Errorf("after %v of CPU in 10 s: pace %d with %d CPUs, want %d with %d", step.cpu, f.pace, got, step.want, cpus)
		}
	}
}

// TestThriftLeavesTheEnvironment: what the user has set stays.
func TestThriftLeavesTheEnvironment(t *testing.T) {
	t.Setenv("GOMAXPROCS", "2")
	t.Setenv("GOGC", "70")
	cpus, percent := runtime.GOMAXPROCS(0), debug.SetGCPercent(70)
	defer debug.SetGCPercent(percent)
	f := newFootprint(time.Minute, slog.New(slog.DiscardHandler))
	f.heap.tend()
	defer f.heap.stop()
	f.keepPace(f.asked.Add(10*time.Second), f.used)
	if got := debug.SetGCPercent(70); got != 70 || runtime.GOMAXPROCS(0) != cpus {
		t.Errorf("GOGC=%d on %d CPUs, want 70 on %d", got, runtime.GOMAXPROCS(0), cpus)
	}
}

// TestQuiet: a look comes between two scrapes, and not more often than the pace is decided.
func TestQuiet(t *testing.T) {
	for _, row := range []struct{ every, looked, want time.Duration }{
		{15 * time.Second, time.Minute, 3 * time.Second},
		{5 * time.Minute, time.Minute, paceEvery}, // soon enough after the start
		{time.Second, 3 * time.Second, paceEvery - 3*time.Second},
		{time.Second, 9900 * time.Millisecond, 200 * time.Millisecond},
	} {
		f := newFootprint(row.every, slog.New(slog.DiscardHandler))
		if got := f.untilQuiet(f.asked.Add(row.looked)); got != row.want {
			t.Errorf("a scrape every %v, %v after a look: the next in %v, want %v", row.every, row.looked, got, row.want)
		}
	}
}

var fileBacked = regexp.MustCompile(`RssFile:\s+(\d+) kB`)

func fileResident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	m := fileBacked.FindSubmatch(status)
	if m == nil {
		t.Fatalf("no RssFile in\n%s", status)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTrimDropsTheProgram: its pages go, and it runs on.
func TestTrimDropsTheProgram(t *testing.T) {
	f := newFootprint(time.Minute, slog.New(slog.DiscardHandler))
	var err error
	if f.program, err = programMappings(); err != nil {
		t.Fatal(err)
	}
	if len(f.program) < 2 {
		t.Fatalf("the program is mapped as %v, want code and constants", f.program)
	}
	before := fileResident(t)
	f.trim()
	if after := fileResident(t); after >= before {
		t.Errorf("%d kB of the program are resident, before it were %d", after, before)
	}
}

func TestParseMapping(t *testing.T) {
	const path = "/bin/x"
	for _, row := range []struct {
		fields []string
		want   mapping
	}{
		{[]string{"00400000-01266000", "r-xp", "00000000", "fe:00", "12", path}, mapping{0x400000, 0x1266000}},
		{[]string{"00400000-01266000", "r--p", "00000000", "fe:00", "12", path}, mapping{0x400000, 0x1266000}},
		{[]string{"00400000-01266000", "rw-p", "00000000", "fe:00", "12", path}, mapping{}},
		{[]string{"00400000-01266000", "r-xp", "00000000", "fe:00", "12", "/lib/y"}, mapping{}},
		{[]string{"00400000-01266000", "rw-p", "00000000", "00:00", "0"}, mapping{}},
		{[]string{"x-01266000", "r-xp", "00000000", "fe:00", "12", path}, mapping{}},
	} {
		if got := parseMapping(row.fields, path); got != row.want {
			t.Errorf("%v: %x, want %x", row.fields, got, row.want)
		}
	}
}

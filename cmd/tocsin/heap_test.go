package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestHeapGrowsWithWork(t *testing.T) {
	h := &heap{last: time.Unix(0, 0), percent: thriftyGC}
	now := h.last
	for _, step := range []struct {
		after time.Duration
		live  uint64
		want  int
	}{
		{time.Millisecond, 5 << 20, thriftyGC}, // the start of a small host
		{time.Millisecond, 15 << 20, thriftyGC},
		{time.Millisecond, 30 << 20, roomyGC},
		{2 * time.Second, 30 << 20, roomyGC}, // neither nor
		{10 * time.Second, 30 << 20, thriftyGC},
		{2 * time.Second, 100 << 20, thriftyGC},
		{100 * time.Millisecond, 100 << 20, roomyGC},
		{time.Minute, 8 << 20, thriftyGC},
	} {
		now = now.Add(step.after)
		before := h.percent
		if changed := h.collected(now, step.live); changed != (before != step.want) || h.percent != step.want {
			t.Errorf("%v after the collection before, %d bytes live: %d %% (changed: %t), want %d %%",
				step.after, step.live, h.percent, changed, step.want)
		}
	}
}

// TestHeapIsTended: each collection is noticed, not only the first.
func TestHeapIsTended(t *testing.T) {
	t.Setenv("GOGC", "") // restored by the test
	if err := os.Unsetenv("GOGC"); err != nil {
		t.Fatal(err)
	}
	percent := debug.SetGCPercent(roomyGC)
	defer debug.SetGCPercent(percent)
	defer tend()()
	for range 3 {
		runtime.GC()
		if got := read(); got != thriftyGC {
			t.Fatalf("GOGC=%d over a small heap, want %d", got, thriftyGC)
		}
	}
	live := make([]byte, 2*wideHeap)
	for read() != roomyGC { // by a later collection than the first
		runtime.GC()
	}
	runtime.KeepAlive(live)
}

func read() int {
	percent := debug.SetGCPercent(roomyGC)
	debug.SetGCPercent(percent)
	return percent
}

package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestHeapGrowsWithWork(t *testing.T) {
	h := &heap{last: time.Unix(0, 0), percent: thriftyGC, thrift: thriftyGC}
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

// TestHeapHasRoomForWork: what the next evaluations allocate fits before a collection,
// once that is known, and is collected when it would not.
func TestHeapHasRoomForWork(t *testing.T) {
	percent := debug.SetGCPercent(roomyGC)
	defer debug.SetGCPercent(percent)
	const mb = 1 << 20
	h := &heap{last: time.Unix(0, 0), percent: thriftyGC, thrift: thriftyGC}
	for _, step := range []struct {
		u    usage
		work uint64
		at   time.Duration // after the last collection
		due  bool
		want int
	}{
		{usage{live: 10 * mb, objects: 10 * mb}, mb, time.Minute, false, thriftyGC},
		{usage{live: 10 * mb, objects: 11 * mb}, mb, time.Minute, false, thriftyGC},
		{usage{live: 10 * mb, objects: 12 * mb}, mb, time.Minute, true, thriftyGC},
		{usage{live: 10 * mb, objects: 10 * mb}, 4 * mb, time.Minute, false, 80}, // it is given room
		{usage{live: 10 * mb, objects: 14 * mb}, 4 * mb, time.Minute, true, 80},
		{usage{live: 10 * mb, objects: 10 * mb}, 40 * mb, time.Minute, true, roomyGC}, // but not all
		{usage{live: 10 * mb, objects: 10 * mb}, mb, time.Second, false, roomyGC},     // much is done just now
		{usage{live: 10 * mb, objects: 10 * mb}, mb, time.Minute, false, thriftyGC},
		{usage{}, mb, time.Minute, false, thriftyGC}, // there was no collection yet
	} {
		if due := h.due(h.last.Add(step.at), step.u, step.work); due != step.due || h.percent != step.want {
			t.Errorf("%+v, %d bytes to come: %d %% (due: %t), want %d %% (%t)", step.u, step.work, h.percent, due, step.want, step.due)
		}
	}
}

// TestHeapIsCollectedAtRest: what an evaluation has left is, before the next one.
func TestHeapIsCollectedAtRest(t *testing.T) {
	percent := debug.SetGCPercent(roomyGC)
	defer debug.SetGCPercent(percent)
	runtime.GC()
	h := newHeap()
	h.given = false
	h.rest(time.Now())
	for range 64 {
		garbage = make([]byte, 1<<20)
	}
	garbage = nil
	before := readUsage()
	h.rest(time.Now())
	if after := readUsage(); after.objects > before.objects {
		t.Errorf("%d bytes of objects, before the rest were %d", after.objects, before.objects)
	}
}

var garbage []byte

// TestHeapIsTended: each collection is noticed, not only the first.
func TestHeapIsTended(t *testing.T) {
	t.Setenv("GOGC", "") // restored by the test
	if err := os.Unsetenv("GOGC"); err != nil {
		t.Fatal(err)
	}
	percent := debug.SetGCPercent(roomyGC)
	defer debug.SetGCPercent(percent)
	h := newHeap()
	h.tend()
	defer h.stop()
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

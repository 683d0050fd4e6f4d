package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	// roomyGC is how much the heap grows between two collections, in percent of what
	// lives, where much is allocated: Go's own.
	roomyGC = 100
	// thriftyGC is that of a process that has little to do, and the least: half of it is
	// used. A small heap is cheap to collect.
	thriftyGC = 40
	// wideHeap is from which live heap on there may be more growth: below it, as at
	// the start of a small host, what is once scattered over a wide heap keeps it wide.
	wideHeap = 16 << 20
	// Collections that follow each other within hasty mean that much is allocated: a
	// long log is read at the start, a storm of alerts. Those that are idle apart do not.
	hasty, idle = time.Second, 5 * time.Second
)

// heap decides, after each collection, how much may be allocated until the next. The
// pace of the collections tells at once what a share of CPU tells much later.
type heap struct {
	given bool // by the environment: GOGC has its way

	mu      sync.Mutex
	last    time.Time // guarded by mu: the collection before
	percent int       // guarded by mu
	thrift  int       // guarded by mu: the percent of a process that has little to do
	stopped bool      // guarded by mu
	total   uint64    // owned by rest: bytes allocated until the last one
}

func newHeap() *heap {
	h := &heap{last: time.Now(), percent: thriftyGC, thrift: thriftyGC}
	_, h.given = os.LookupEnv("GOGC")
	return h
}

// tend begins with thrift, and goes on until stop is called.
func (h *heap) tend() {
	if !h.given {
		debug.SetGCPercent(h.percent)
		h.await()
	}
}

func (h *heap) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped = true
}

// await has collected called after the next collection, by an object that nobody has.
func (h *heap) await() {
	sentinel := new([64]byte)
	runtime.AddCleanup(sentinel, func(h *heap) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.stopped {
			return
		}
		if h.collected(time.Now(), readUsage().live) {
			debug.SetGCPercent(h.percent)
		}
		h.await()
	}, h)
}

// collected is told of a collection and what it has found alive, in bytes. It is true
// if the heap is to grow otherwise from now on. Called with mu held.
func (h *heap) collected(now time.Time, live uint64) (changed bool) {
	since, before := now.Sub(h.last), h.percent
	h.last = now
	switch {
	case since < hasty && live >= wideHeap:
		h.percent = roomyGC
	case since >= idle:
		h.percent = h.thrift
	}
	return h.percent != before
}

// usage is what the heap holds, in bytes.
type usage struct {
	live    uint64 // that the last collection found alive
	objects uint64 // live, and what was allocated since
	free    uint64 // and could be handed back
	total   uint64 // allocated since the start of the process
}

func readUsage() usage {
	s := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/gc/heap/allocs:bytes"},
	}
	metrics.Read(s)
	return usage{s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64(), s[3].Value.Uint64()}
}

// rest collects in the quiet between two scrapes what would else be collected in the
// midst of the next evaluations: that is as much work as they are, on the way from a
// scrape to its alerts. It hands back what a peak has left: the start, a compaction, a
// reload, a storm. How much the next evaluations allocate the last have shown.
func (h *heap) rest(now time.Time) {
	u := readUsage()
	work := u.total - h.total
	if h.total == 0 {
		work = 0 // a start is not what comes next
	}
	h.total = u.total
	switch due := h.due(now, u, work); {
	case u.free > freeLimit+work:
		debug.FreeOSMemory()
	case due && !h.given:
		runtime.GC()
	}
}

// sureShare is the part of the way to the next collection, in percent, on which none
// begins: it does from 70 on, and what a CPU has set aside counts as allocated.
const sureShare = 50

// due makes room for work, in bytes, and tells whether a collection would begin in it.
func (h *heap) due(now time.Time, u usage, work uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if u.live == 0 {
		return false
	}
	h.thrift = int(min(roomyGC, max(thriftyGC, work*100*100/sureShare/u.live)))
	if now.Sub(h.last) >= idle && h.percent != h.thrift && !h.given {
		h.percent = h.thrift
		debug.SetGCPercent(h.percent)
	}
	return u.objects+work > u.live+u.live*uint64(h.percent)/100*sureShare/100
}

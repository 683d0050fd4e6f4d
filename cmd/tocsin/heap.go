package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

const (
	// roomyGC is how much the heap grows between two collections, in percent of what
	// lives, where much is allocated: Go's own.
	roomyGC = 100
	// thriftyGC is that of a process that has little to do. A small heap is cheap to
	// collect: a fifth of Go's default saves 6 MB of 18, for a fifth of the CPU.
	thriftyGC = 20
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
	last    time.Time // the collection before
	percent int
	stopped atomic.Bool
}

// tend begins with thrift, and goes on until stop is called. GOGC of the environment
// has its way: then it does nothing.
func tend() (stop func()) {
	if _, given := os.LookupEnv("GOGC"); given {
		return func() {}
	}
	h := &heap{last: time.Now(), percent: thriftyGC}
	debug.SetGCPercent(h.percent)
	h.await()
	return func() { h.stopped.Store(true) }
}

// await has collected called after the next collection, by an object that nobody has.
func (h *heap) await() {
	sentinel := new([64]byte)
	runtime.AddCleanup(sentinel, func(h *heap) {
		if h.stopped.Load() {
			return
		}
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		if h.collected(time.Now(), live[0].Value.Uint64()) {
			debug.SetGCPercent(h.percent)
		}
		h.await()
	}, h)
}

// collected is told of a collection and what it has found alive, in bytes. It is true
// if the heap is to grow otherwise from now on.
func (h *heap) collected(now time.Time, live uint64) (changed bool) {
	since, before := now.Sub(h.last), h.percent
	h.last = now
	switch {
	case since < hasty && live >= wideHeap:
		h.percent = roomyGC
	case since >= idle:
		h.percent = thriftyGC
	}
	return h.percent != before
}

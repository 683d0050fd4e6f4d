package main

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.opentelemetry.io/otel"
	meternoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"golang.org/x/sys/unix"
)

const (
	// leastMemory is the least soft limit of the heap, whatever the cgroup says: with
	// less the process does hardly anything but collect.
	leastMemory = 32 << 20
	// paceEvery is how often the pace is decided at most, and what is not in use is
	// handed back.
	paceEvery = 10 * time.Second
	// freeLimit is how much free heap may stay with the process. There is more after
	// a peak: the start, a compaction, a reload, a storm.
	freeLimit = 2 << 20
	// From busyShare of one CPU on the process has much to do, below idleShare little.
	// Thrift takes CPU itself: between the two it stays as it is.
	busyShare, idleShare = 0.3, 0.05
)

// leaveOut switches off what is there for tools that this process does not serve: the
// samples of the heap profile, for which the runtime keeps a table of half a megabyte,
// and the spans and meters of OpenTelemetry, which Prometheus's packages and HTTP
// clients make for each query and request, a fifth of what a small query costs.
func leaveOut() {
	runtime.MemProfileRate = 0
	otel.SetTracerProvider(tracenoop.NewTracerProvider())
	otel.SetMeterProvider(meternoop.NewMeterProvider())
}

// limitMemory makes the collector aware of the memory that there is: of the cgroup,
// else of the machine. GOMEMLIMIT of the environment has its way. It is called once.
func limitMemory(log *slog.Logger) {
	_, err := memlimit.Set(
		memlimit.WithProvider(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)),
		memlimit.WithMin(leastMemory),
	)
	if err != nil {
		log.Debug("memory limit not known", "err", err)
	}
}

// pace is how freely a process uses what there is.
type pace int

const (
	busy    pace = iota // all the CPUs: so it starts
	thrifty             // few: each that Go may use keeps a cache of the heap, and workers of the collector to wake
)

// fewCPUs are those of a thrifty process: one evaluates while the other waits for the
// disk. A single one would wait too, until Go notices: up to 10 ms each time.
const fewCPUs = 2

// footprint keeps the process small while it has little to do. Only run calls its
// methods.
type footprint struct {
	log     *slog.Logger
	program []mapping
	heap    *heap
	every   time.Duration // between two scrapes
	scraped chan struct{} // one slot: there was one
	asked   time.Time     // when the pace was last decided
	used    time.Duration // CPU until then
	pace    pace
	given   bool // by the environment: that has its way
}

// newFootprint is told how often there is a scrape.
func newFootprint(every time.Duration, log *slog.Logger) *footprint {
	f := &footprint{
		log: log.With("component", "footprint"), heap: newHeap(), every: every, scraped: make(chan struct{}, 1),
		asked: time.Now(), used: cpuTime(),
	}
	_, f.given = os.LookupEnv("GOMAXPROCS")
	return f
}

// run looks after the footprint until ctx is done.
func (f *footprint) run(ctx context.Context) error {
	program, err := programMappings()
	if err != nil {
		f.log.Debug("own program is not trimmed", "err", err)
	}
	f.program = program
	f.heap.tend()
	defer f.heap.stop()
	look := time.NewTimer(paceEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.scraped:
			look.Reset(f.untilQuiet(time.Now()))
		case <-look.C:
			f.keepPace(time.Now(), cpuTime())
			f.heap.rest(time.Now())
			f.trim()
			look.Reset(max(paceEvery, f.every))
		}
	}
}

// hearScrape is to be called with each scrape, and does not block: what follows from
// it is to be over when run has a look.
func (f *footprint) hearScrape() {
	select {
	case f.scraped <- struct{}{}:
	default:
	}
}

// untilQuiet is how long after a scrape there is a look: when all that the one has
// brought is done, and the next is far.
func (f *footprint) untilQuiet(now time.Time) time.Duration {
	return max(min(f.every/5, paceEvery), f.asked.Add(paceEvery).Sub(now))
}

// keepPace is told the time and the CPU used until then.
func (f *footprint) keepPace(now time.Time, used time.Duration) {
	share := (used - f.used).Seconds() / now.Sub(f.asked).Seconds()
	f.asked, f.used = now, used
	next := f.pace
	switch {
	case share < idleShare:
		next = thrifty
	case share >= busyShare:
		next = busy
	}
	if next == f.pace {
		return
	}
	f.pace = next
	switch {
	case f.given:
	case next == thrifty:
		runtime.GOMAXPROCS(fewCPUs)
	default:
		runtime.SetDefaultGOMAXPROCS()
	}
}

// trim hands back the pages of the program that are not in use: half of what the start
// has touched never is again.
//
// They stay in the page cache, as the program's file does anyway, and those in use are
// back with the next evaluation, by a few hundred minor faults, at less than half a
// millisecond each time. What is gained is that the rest counts for nothing and is the
// first that the kernel takes when memory is short.
func (f *footprint) trim() {
	for _, m := range f.program {
		if err := m.drop(); err != nil {
			f.log.Debug("own program is not trimmed", "err", err)
		}
	}
}

// cpuTime is what the process has used, user and system.
func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

package main

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.opentelemetry.io/otel"
	meternoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"golang.org/x/sys/unix"
)

const (
	// gcPercent is how much the heap grows between two collections, in percent of
	// what lives. A small heap is cheap to collect: half of Go's default saves 4 MB
	// of the 18 that are not file-backed, for a tenth of the CPU.
	gcPercent = 50
	// leastMemory is the least soft limit of the heap, whatever the cgroup says: with
	// less the process does hardly anything but collect.
	leastMemory = 32 << 20
	// spreadEvery is how often it is decided on how many CPUs to run, and trimEvery
	// how many of those times what is not in use is handed back.
	spreadEvery = 10 * time.Second
	trimEvery   = 6
	// freeLimit is how much free heap may stay with the process. There is more after
	// a peak: the start, a compaction, a reload, a storm.
	freeLimit = 2 << 20
	// busyShare is the share of one CPU from which on the process takes all there are.
	busyShare = 0.5
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

// limitMemory makes the collector thrifty, and aware of the memory that there is: of
// the cgroup, else of the machine. GOGC and GOMEMLIMIT of the environment have their
// way. It is called once, before anything is made.
func limitMemory(log *slog.Logger) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	_, err := memlimit.Set(
		memlimit.WithProvider(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)),
		memlimit.WithMin(leastMemory),
	)
	if err != nil {
		log.Debug("memory limit not known", "err", err)
	}
}

// footprint keeps the process small while it has little to do. Only run calls its
// methods.
type footprint struct {
	log     *slog.Logger
	program []mapping
	free    []metrics.Sample
	asked   time.Time     // when that was last decided
	used    time.Duration // CPU until then
	narrow  bool          // on one CPU
	pinned  bool          // by the environment
}

func newFootprint(log *slog.Logger) *footprint {
	return &footprint{
		log:   log.With("component", "footprint"),
		free:  []metrics.Sample{{Name: "/memory/classes/heap/free:bytes"}},
		asked: time.Now(), used: cpuTime(), pinned: os.Getenv("GOMAXPROCS") != "",
	}
}

// run looks after the footprint until ctx is done.
func (f *footprint) run(ctx context.Context) error {
	program, err := programMappings()
	if err != nil {
		f.log.Debug("own program is not trimmed", "err", err)
	}
	f.program = program
	for n := 0; wait(ctx, spreadEvery); n++ {
		f.spread(time.Now(), cpuTime())
		if n%trimEvery == 0 {
			f.trim()
		}
	}
	return nil
}

// spread lets a process that has little to do run on one CPU: each one that Go may
// use keeps a cache of the heap, half a megabyte and more, and its share of the
// collector's workers, which cost CPU to wake. One that is busy gets all.
func (f *footprint) spread(now time.Time, used time.Duration) {
	share := (used - f.used).Seconds() / now.Sub(f.asked).Seconds()
	f.asked, f.used = now, used
	if narrow := share < busyShare; !f.pinned && narrow != f.narrow {
		f.narrow = narrow
		if narrow {
			runtime.GOMAXPROCS(1)
		} else {
			runtime.SetDefaultGOMAXPROCS()
		}
	}
}

// trim hands back what a peak has left of free heap, and the pages of the program
// that are not in use: half of what the start has touched never is again.
//
// The latter stay in the page cache, as the program's file does anyway, and those in
// use are back with the next evaluation, by a few hundred minor faults, at less than
// half a millisecond a minute. What is gained is that the rest counts for nothing and
// is the first that the kernel takes when memory is short.
func (f *footprint) trim() {
	metrics.Read(f.free)
	if f.free[0].Value.Uint64() > freeLimit {
		debug.FreeOSMemory()
	}
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

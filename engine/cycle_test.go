package engine

import (
	"flag"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine/plan"
	"github.com/tocsin/tocsin/rules"
)

var largeFlag = flag.Bool("large", false, "measure 100,000 series and 10,000 rules too")

// benchHistory is how much is stored before the first evaluation that is measured.
const benchHistory = 35 * time.Minute

// BenchmarkCycle measures the CPU time of one evaluation of all rules, garbage
// collection included, and how many times as much Prometheus's own rule groups take
// in the same run over the same samples.
func BenchmarkCycle(b *testing.B) {
	sizes := [][2]int{{1000, 100}, {10_000, 1000}}
	if *largeFlag {
		sizes = append(sizes, [2]int{100_000, 10_000})
	}
	for _, size := range sizes {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			theirs := cycleOfReference(b, size[0], size[1])
			for _, unshared := range []bool{false, true} {
				name := "shared"
				if unshared {
					name = "unshared"
				}
				b.Run(name, func(b *testing.B) {
					ours, planned := cycleOfEngine(b, size[0], size[1], unshared)
					b.ReportMetric(planned*100, "%planned")
					b.ReportMetric(ours.Seconds()*1000, "cpu-ms/cycle")
					b.ReportMetric(theirs.Seconds()*1000, "reference-cpu-ms/cycle")
					b.ReportMetric(theirs.Seconds()/ours.Seconds(), "ratio")
				})
			}
		})
	}
}

func cycleOfReference(b *testing.B, series, ruleCount int) time.Duration {
	f := newFleet(series)
	ref := newReference(b, f.rules(ruleCount))
	at := t0
	for ; at.Before(t0.Add(benchHistory)); at = at.Add(step15) {
		f.scrape(b, ref.db, at)
	}
	cycles, warm := 8, 2
	if ruleCount > 1000 {
		cycles, warm = 1, 0 // more than a minute; nothing is kept from one to the next
	}
	return cpuPerCycle(cycles, warm, func(timed bool) {
		if !timed {
			f.scrape(b, ref.db, at)
			return
		}
		ref.tick(at)
		at = at.Add(step15)
	})
}

func cycleOfEngine(b *testing.B, series, ruleCount int, unshared bool) (cycle time.Duration, planned float64) {
	f := newFleet(series)
	db := teststorage.New(b)
	opts := planOptions(b, db)
	opts.Unshared, opts.Registerer = unshared, prometheus.NewRegistry()
	compiled := plan.New(opts)
	e := New(Options{Queryable: db, Appendable: compiled, Plan: compiled, Interval: step15, Notify: func([]alert.Notification) {}})
	parsed := rules.Parse("rules.yml", []byte(f.rules(ruleCount)))
	if len(parsed.Problems) > 0 {
		b.Fatal(parsed.Problems[0])
	}
	e.Load(parsed.Groups, true)
	at := t0
	for ; at.Before(t0.Add(benchHistory)); at = at.Add(step15) {
		f.scrape(b, compiled, at)
	}
	cycle = cpuPerCycle(b.N+8, 6, func(timed bool) {
		if !timed {
			f.scrape(b, compiled, at)
			return
		}
		e.Step(b.Context(), Tick{At: at, Up: true})
		at = at.Add(step15)
	})
	return cycle, plannedShare(b, opts.Registerer.(*prometheus.Registry))
}

// plannedShare is the part of the evaluations that the plan answered.
func plannedShare(b *testing.B, reg *prometheus.Registry) float64 {
	families, err := reg.Gather()
	if err != nil {
		b.Fatal(err)
	}
	by := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "tocsin_plan_evaluations_total" {
			for _, m := range f.GetMetric() {
				by[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	return by["plan"] / (by["plan"] + by["engine"])
}

// cpuPerCycle runs n cycles, after some that are not counted, and gives the CPU time
// of one.
func cpuPerCycle(n, warm int, do func(timed bool)) time.Duration {
	var all time.Duration
	for i := range n + warm {
		do(false)
		if i == 0 || i == warm {
			runtime.GC()
		}
		before := cpuTime()
		do(true)
		if i >= warm {
			all += cpuTime() - before
		}
	}
	return all / time.Duration(n)
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkIngest measures what the window adds to the CPU time of storing a sample,
// scrape by scrape with and without it.
func BenchmarkIngest(b *testing.B) {
	plain, fed := newFleet(10_000), newFleet(10_000)
	bare, db := teststorage.New(b), teststorage.New(b)
	compiled := plan.New(planOptions(b, db))
	parsed := rules.Parse("rules.yml", []byte(fed.rules(1000)))
	e := New(Options{Queryable: db, Appendable: compiled, Plan: compiled, Interval: step15})
	e.Load(parsed.Groups, true)
	at := t0
	fed.scrape(b, compiled, at)
	plain.scrape(b, bare, at)
	e.Step(b.Context(), Tick{At: at, Up: true}) // which fills the window
	var with, without time.Duration
	n := 0
	for b.Loop() {
		at = at.Add(step15)
		start := cpuTime()
		plain.scrape(b, bare, at)
		middle := cpuTime()
		fed.scrape(b, compiled, at)
		with, without = with+cpuTime()-middle, without+middle-start
		n += len(fed.series)
	}
	b.ReportMetric(float64(without.Nanoseconds())/float64(n), "ns/sample")
	b.ReportMetric(float64(with.Nanoseconds())/float64(n), "ns/sample-with-window")
	b.ReportMetric(100*(with.Seconds()/without.Seconds()-1), "%overhead")
}

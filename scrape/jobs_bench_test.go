package scrape

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
	"golang.org/x/sys/unix"
)

// benchSeries is what one target of the benchmarks brings.
const benchSeries = 1000

// BenchmarkFollowing is one scrape of a target as storage sees it, parsed, appended and
// committed to a real TSDB: without a gate, with one that nobody follows, and with one
// that keeps names and reports.
func BenchmarkFollowing(b *testing.B) {
	for _, bc := range []struct {
		name string
		make func(to storage.AppendableV2) (storage.AppendableV2, context.Context)
	}{
		{"direct", func(to storage.AppendableV2) (storage.AppendableV2, context.Context) { return to, context.Background() }},
		{"gate", func(to storage.AppendableV2) (storage.AppendableV2, context.Context) {
			return &gate{to: to, clock: benchClock, late: true}, context.Background()
		}},
		{"followed", func(to storage.AppendableV2) (storage.AppendableV2, context.Context) {
			reports := 0
			j := NewJobs(JobsOptions{Heard: func(Report) { reports++ }})
			cfg := configured(b, "scrape_configs: [{job_name: j, static_configs: [{targets: ['h:1']}]}]")
			if err := j.Apply(cfg); err != nil {
				b.Fatal(err)
			}
			t := j.known.sources[j.known.order[0]].target
			return &gate{to: to, clock: benchClock, follow: j.follow, late: true}, scrape.ContextWithTarget(context.Background(), t)
		}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			to, ctx := bc.make(teststorage.New(b))
			scrapeOnce := newBenchScrape(b, to, ctx)
			scrapeOnce(0) // all is new
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime(b)
			for i := range b.N {
				scrapeOnce(int64(i + 1))
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpuTime is what the process has used: unlike the time that passes it is little
// changed by what else runs.
func cpuTime(b *testing.B) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func benchClock() (time.Time, time.Duration) { return time.UnixMilli(math.MaxInt64), 0 }

// newBenchScrape does what a scrape loop does with a body, cache included.
func newBenchScrape(b *testing.B, to storage.AppendableV2, ctx context.Context) func(at int64) {
	var body strings.Builder
	for i := range benchSeries {
		fmt.Fprintf(&body, "metric_%d_total{instance=\"h:1\",job=\"j\",path=\"/some/path/%d\",code=\"200\"} %d\n", i/4, i, i)
	}
	text := []byte(body.String())
	type entry struct {
		ref storage.SeriesRef
		ls  labels.Labels
	}
	cache := map[string]*entry{}
	up := &entry{ls: labels.FromStrings("__name__", "up", "instance", "h:1", "job", "j")}
	return func(at int64) {
		app := to.AppenderV2(ctx)
		p := textparse.NewPromParser(text, labels.NewSymbolTable(), false)
		put := func(e *entry, v float64, o storage.AOptions) {
			ref, err := app.Append(e.ref, e.ls, 0, at, v, nil, nil, o)
			if err != nil {
				b.Fatal(err)
			}
			e.ref = ref
		}
		for {
			et, err := p.Next()
			if err != nil {
				break
			}
			if et != textparse.EntrySeries {
				continue
			}
			series, _, v := p.Series()
			e := cache[string(series)]
			if e == nil {
				e = &entry{}
				p.Labels(&e.ls)
				cache[string(series)] = e
			}
			if !value.IsStaleNaN(v) {
				put(e, v, storage.AOptions{})
			}
		}
		put(up, 1, storage.AOptions{MetricFamilyName: "up\xff"})
		if err := app.Commit(); err != nil {
			b.Fatal(err)
		}
	}
}

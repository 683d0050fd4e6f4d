package storage

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/storage"
)

// BenchmarkOpenAfterKill opens a store that a process has left without a stop, with
// two hours of 10,000 series in its log and the chunks of its head.
func BenchmarkOpenAfterKill(b *testing.B) {
	const series, scrapes = 10_000, 2 * 60 * 4
	dir := b.TempDir()
	s := New(Options{Dir: dir})
	if err := s.Open(); err != nil {
		b.Fatal(err)
	}
	s.upkeep.end(b.Context()) // it would move chunks now or then
	appendNoise(b, s, series, scrapes)
	var used time.Duration
	for b.Loop() {
		b.StopTimer()
		left := New(Options{Dir: abandon(b, dir)})
		before := cpuTime(b)
		b.StartTimer()
		if err := left.Open(); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		used += cpuTime(b) - before
		if st := left.Stats(); st.Series != series {
			b.Fatalf("%d series are there, want %d", st.Series, series)
		}
		left.upkeep.end(b.Context())
		if err := left.discard(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N*series*scrapes), "cpu-ns/sample")
	b.ReportMetric(float64(dirSize(filepath.Join(dir, "tsdb", "wal")))/(series*scrapes), "log-B/sample")
	if err := s.discard(); err != nil {
		b.Fatal(err)
	}
}

// appendNoise appends counters that rise by uneven steps, every 15 seconds until
// now, with upkeep after each million samples.
func appendNoise(b *testing.B, s *Store, series, scrapes int) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	sc, values := newScraper(b, s, time.Time{}, series), make([]float64, series)
	at := time.Now().Add(-time.Duration(scrapes) * 15 * time.Second)
	for n := range scrapes {
		app := s.AppenderV2(b.Context())
		for i, ls := range sc.series {
			values[i] += float64(i%97) + float64(r.IntN(16))
			ref, err := app.Append(sc.refs[i], ls, 0, at.UnixMilli(), values[i], nil, nil, storage.AOptions{})
			if err != nil {
				b.Fatal(err)
			}
			sc.refs[i] = ref
		}
		if err := app.Commit(); err != nil {
			b.Fatal(err)
		}
		at = at.Add(15 * time.Second)
		if (n+1)*series%mapSamples == 0 {
			s.compactDue(context.Background(), time.Now())
		}
	}
}

// cpuTime is what this process has used, user and system.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

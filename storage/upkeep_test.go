package storage

import (
	"context"
	"testing"
	"time"
)

// TestFullChunksAreMovedByNumber: what is not moved out of the heap is encoded
// anew by the next start, which must not last longer the more came in a minute.
func TestFullChunksAreMovedByNumber(t *testing.T) {
	for _, tt := range []struct {
		name   string
		series int
		later  time.Duration
		want   bool
	}{
		{"a few, soon", 10, time.Second, false},
		{"a few, after a minute", 10, mapEvery, true},
		{"many, soon", mapSamples/300 + 1, time.Second, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			s.upkeep.end(t.Context()) // its rounds are made here
			now := time.Now()
			s.compactDue(t.Context(), now)
			newScraper(t, s, t0, tt.series).append(300)
			s.compactDue(t.Context(), now.Add(tt.later))
			if got := counter(s, "prometheus_tsdb_mmap_chunks_total"); got > 0 != tt.want {
				t.Errorf("%g chunks have been moved", got)
			}
			s.compactDue(t.Context(), now.Add(tt.later+time.Second))
			if n := s.upkeep.unmapped.Load(); tt.want && n != 0 {
				t.Errorf("%d samples are still counted", n)
			}
		})
	}
}

// BenchmarkReplay: a start after SIGKILL, with two hours of a thousand series in
// the head.
func BenchmarkReplay(b *testing.B) {
	dir := b.TempDir()
	s := New(Options{Dir: dir})
	if err := s.Open(); err != nil {
		b.Fatal(err)
	}
	newScraper(b, s, t0, 1000).append(480)
	s.compactDue(b.Context(), time.Now().Add(mapEvery))
	killed := abandon(b, dir)
	if err := s.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		s := New(Options{Dir: abandon(b, killed)})
		b.StartTimer()
		if err := s.Open(); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.discard(); err != nil {
			b.Fatal(err)
		}
		s.upkeep.end(context.Background())
		b.StartTimer()
	}
}

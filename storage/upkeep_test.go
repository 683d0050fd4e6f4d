package storage

import (
	"context"
	"slices"
	"testing"
	"time"
)

// TestFullChunksAreMovedByNumber: what is not moved out of the heap is encoded
// anew by the next start, which must not last longer the more there is; what is
// moved is written once more, which a small head is spared.
func TestFullChunksAreMovedByNumber(t *testing.T) {
	for _, tt := range []struct {
		name   string
		series int
		want   bool
	}{
		{"a few", 100, false},
		{"many", mapSamples/300 + 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			s.upkeep.end(t.Context()) // its rounds are made here
			newScraper(t, s, t0, tt.series).append(300)
			s.compactDue(t.Context(), time.Now())
			if got := counter(s, "prometheus_tsdb_mmap_chunks_total"); got > 0 != tt.want {
				t.Errorf("%g chunks have been moved", got)
			}
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

// TestHeadThatBecomesABlockIsNotMoved: in a small store no sample is written to the
// files of the head, however long it runs.
func TestHeadThatBecomesABlockIsNotMoved(t *testing.T) {
	s := open(t, t.TempDir())
	s.upkeep.end(t.Context())
	sc := newScraper(t, s, t0, mapSamples/1000)
	for range 20 { // twice what would be moved
		sc.append(100)
		s.compactDue(t.Context(), time.Now())
	}
	if got := counter(s, "prometheus_tsdb_mmap_chunks_total"); got > 0 {
		t.Errorf("%g chunks have been moved", got)
	}
	if len(s.open.db.Blocks()) < 2 {
		t.Error("no blocks have been written")
	}
}

func TestWideSteps(t *testing.T) {
	for _, tt := range []struct{ in, want []int64 }{
		{[]int64{2}, []int64{2}},
		{[]int64{2, 6}, []int64{2, 6}},
		{[]int64{2, 6, 18}, []int64{2, 18}},
		{[]int64{2, 6, 18, 54}, []int64{2, 6, 54}},
		{[]int64{2, 6, 18, 54, 162}, []int64{2, 18, 162}},
	} {
		if got := wideSteps(tt.in); !slices.Equal(got, tt.want) {
			t.Errorf("of %v are left %v, want %v", tt.in, got, tt.want)
		}
	}
}

// TestNoChunksAreMovedToANearlyFullDisk: so many samples may not fit, and a write
// that fails there takes the store off its disk.
func TestNoChunksAreMovedToANearlyFullDisk(t *testing.T) {
	s := diskStore(t, sound(t))
	s.upkeep.end(t.Context())
	newScraper(t, s, t0, 10).append(300)
	s.upkeep.unmapped.Store(mapSamples)
	s.compactDue(t.Context(), time.Now())
	if got := counter(s, "prometheus_tsdb_mmap_chunks_total"); got > 0 || s.Degraded() {
		t.Errorf("%g chunks have been moved, degraded: %v", got, s.Degraded())
	}
}

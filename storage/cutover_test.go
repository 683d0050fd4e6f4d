package storage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// clockStore is what TestCutOver looks at: a store with a day of history in blocks
// and a head.
func clockStore(t *testing.T, memory, sealed bool) *Store {
	t.Helper()
	s := New(Options{Dir: t.TempDir(), RetentionTime: 3 * 365 * 24 * time.Hour, Memory: memory})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	for i := range 24 * 4 { // a day, every 15 minutes
		appendAt(t, s, t0.Add(time.Duration(i-96)*15*time.Minute))
	}
	s.tend(t.Context(), time.Now())
	if sealed {
		if err := s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func appendAt(t *testing.T, s *Store, at time.Time) {
	t.Helper()
	app := s.AppenderV2(t.Context())
	if _, err := app.Append(0, labels.FromStrings(labels.MetricName, "a"), 0, at.UnixMilli(), float64(at.Unix()), nil, nil, storage.AOptions{}); err != nil {
		t.Fatalf("sample at %s: %v", at, err)
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

// TestCutOver sets the clock back from the end of a day of history, which is in
// blocks and in the head, or in blocks alone.
func TestCutOver(t *testing.T) {
	newest := t0.Add(-15 * time.Minute)
	for _, memory := range []bool{false, true} {
		for _, sealed := range []bool{false, true} {
			for _, back := range []time.Duration{0, time.Millisecond, 5 * time.Minute, time.Hour, 6 * time.Hour, 365 * 24 * time.Hour} {
				t.Run(fmt.Sprintf("memory %t, sealed %t, back %s", memory, sealed, back), func(t *testing.T) {
					s := clockStore(t, memory, sealed)
					at := newest.Add(-back)
					if err := s.CutOver(at); err != nil {
						t.Fatal(err)
					}
					want := 0
					for i := range 24 * 4 {
						if !t0.Add(time.Duration(i-96) * 15 * time.Minute).After(at) {
							want++
						}
					}
					if got := values(t, s); len(got) != want || want > 0 && got[want-1] > float64(at.Unix()) {
						t.Errorf("%d samples are left, want %d: %v", len(got), want, got)
					}
					for i := range 10 { // goes on at once, and on
						appendAt(t, s, at.Add(time.Millisecond+time.Duration(i)*time.Minute))
					}
					if got := len(values(t, s)); got != want+10 {
						t.Errorf("%d samples after ten more, want %d", got, want+10)
					}
					checkFuture(t, s, back > 0)
					if memory {
						return
					}
					kill(t, s)
					again := open(t, s.opts.Dir)
					if got := len(values(t, again)); got != want+10 {
						t.Errorf("%d samples after a restart, want %d", got, want+10)
					}
				})
			}
		}
	}
}

// checkFuture checks that what was cut off is counted, reported and still there.
func checkFuture(t *testing.T, s *Store, cut bool) {
	t.Helper()
	n := 0
	for _, r := range s.Stats().Repairs {
		if r.Kind == kindFuture {
			n++
		}
	}
	want := 0
	if cut {
		want = 1
	}
	if counted := testutil.ToFloat64(s.metrics.setAside.WithLabelValues(kindFuture)); n != want || counted != float64(want) {
		t.Errorf("%d reports, and %v counted, want %d", n, counted, want)
	}
	if aside, _ := filepath.Glob(filepath.Join(s.opts.Dir, "set-aside", "*-future", "*")); len(aside) == 0 && cut && !s.opts.Memory {
		t.Error("nothing was set aside")
	}
}

// TestForwardJumpCostsNoHistory: the clock goes a year ahead, and back.
func TestForwardJumpCostsNoHistory(t *testing.T) {
	s := New(Options{Dir: t.TempDir(), RetentionTime: 15 * 24 * time.Hour})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	for i := range 24 * 4 {
		appendAt(t, s, t0.Add(time.Duration(i-96)*15*time.Minute))
	}
	s.tend(t.Context(), time.Now())
	ahead := t0.AddDate(1, 0, 0)
	for i := range 24 * 4 {
		appendAt(t, s, ahead.Add(time.Duration(i)*15*time.Minute))
		s.tend(t.Context(), time.Now())
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.CutOver(t0); err != nil {
		t.Fatal(err)
	}
	if got := len(values(t, s)); got != 96 {
		t.Errorf("%d samples are left, want 96", got)
	}
	appendAt(t, s, t0.Add(time.Millisecond))
}

// BenchmarkCutOver: ten thousand series, half an hour in the head.
func BenchmarkCutOver(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		s := New(Options{Dir: b.TempDir()})
		if err := s.Open(); err != nil {
			b.Fatal(err)
		}
		newScraper(b, s, t0, 10_000).append(120)
		b.StartTimer()
		if err := s.CutOver(t0.Add(25 * time.Minute)); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// TestCutOverOfWhatCannotBeSealed: the blocks cannot be written, as a file stands
// in the way of each; the head goes whole.
func TestCutOverOfWhatCannotBeSealed(t *testing.T) {
	s := open(t, t.TempDir())
	fill(t, s, t0, 10, time.Minute)
	s.mu.Lock()
	s.open.compactor.Compactor = refusing{s.open.compactor.Compactor}
	s.mu.Unlock()
	at := t0.Add(5 * time.Minute)
	if err := s.CutOver(at); err != nil {
		t.Fatal(err)
	}
	if got := len(values(t, s)); got != 0 {
		t.Errorf("%d samples are left, want none", got)
	}
	checkFuture(t, s, true)
	appendAt(t, s, at.Add(time.Millisecond))
}

// refusing is a compactor on a disk that takes no block.
type refusing struct{ tsdb.Compactor }

func (refusing) Write(string, tsdb.BlockReader, int64, int64, *tsdb.BlockMeta) ([]ulid.ULID, error) {
	return nil, syscall.ENOSPC
}

// TestSamplesOfATimeToCome: one would keep out all that come before it.
func TestSamplesOfATimeToCome(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	s := New(Options{Dir: t.TempDir(), Now: func() time.Time { return now }})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	ls := labels.FromStrings("__name__", "x")
	app := s.AppenderV2(t.Context())
	if _, err := app.Append(0, ls, 0, now.Add(6*time.Hour).UnixMilli(), 1, nil, nil, storage.AOptions{}); !errors.Is(err, storage.ErrOutOfBounds) {
		t.Errorf("six hours ahead: %v, want %v", err, storage.ErrOutOfBounds)
	}
	if _, err := app.Append(0, ls, 0, now.UnixMilli(), 1, nil, nil, storage.AOptions{}); err != nil {
		t.Errorf("now: %v", err)
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

// TestCutOverWaitsForCompaction: samples are taken while blocks are merged, which
// is cut short.
func TestCutOverWaitsForCompaction(t *testing.T) {
	s := clockStore(t, false, false)
	h, release, err := s.acquire()
	if err != nil {
		t.Fatal(err)
	}
	release()
	stopped := make(chan struct{})
	h.stopMerges = func() { close(stopped) }
	s.upkeep.compacting.Lock() // as while blocks are merged
	done := make(chan error, 1)
	go func() { done <- s.CutOver(t0.Add(-3 * time.Hour)) }()
	<-stopped
	appendAt(t, s, t0)
	s.upkeep.compacting.Unlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
	appendAt(t, s, t0.Add(-2*time.Hour))
}

package storage

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/storage"
)

// watchSize measures the data directory without a pause, and gives the largest
// size that it saw.
func watchSize(t *testing.T, dir string) (largest func() int64) {
	t.Helper()
	stop, result := make(chan struct{}), make(chan int64)
	go func() {
		most := int64(0)
		for {
			most = max(most, dirSize(dir))
			select {
			case <-stop:
				result <- most
				return
			default:
			}
		}
	}()
	return func() int64 { close(stop); return <-result }
}

// noise is a sample that does not compress.
func (sc *scraper) noise(n int, rnd *rand.Rand) {
	sc.t.Helper()
	for range n {
		at := sc.at.Add(time.Duration(sc.n) * 15 * time.Second)
		app := sc.s.AppenderV2(sc.t.Context())
		for i, ls := range sc.series {
			ref, err := app.Append(sc.refs[i], ls, 0, at.UnixMilli(), rnd.NormFloat64(), nil, nil, storage.AOptions{})
			if err != nil {
				sc.t.Fatal(err)
			}
			sc.refs[i] = ref
		}
		if err := app.Commit(); err != nil {
			sc.t.Fatal(err)
		}
		sc.n++
	}
}

// TestSizeLimit writes several times as much as may be kept, in time that goes by as
// fast as it can be written. Blocks, log, head chunks and what was set aside stay
// below the limit all along, also while blocks are written.
func TestSizeLimit(t *testing.T) {
	for _, tc := range []struct {
		name  string
		limit int64
		block time.Duration
	}{
		{"blocks of two hours", 8 << 20, 2 * time.Hour},
		{"the head alone is too large", 4 << 20, 24 * time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			s := New(Options{Dir: dir, RetentionSize: tc.limit, BlockDuration: tc.block})
			if err := s.Open(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close(context.Background()) })
			s.upkeep.end(t.Context()) // the test says when
			if err := os.MkdirAll(filepath.Join(dir, "set-aside", "20000101T000000Z-block"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "set-aside", "20000101T000000Z-block", "x"), make([]byte, tc.limit/2), 0o600); err != nil {
				t.Fatal(err)
			}
			largest := watchSize(t, dir)
			sc := newScraper(t, s, t0.AddDate(0, -1, 0), 200)
			rnd := rand.New(rand.NewPCG(1, 2))
			rounds := 600
			if *long {
				rounds = 4000
			}
			for range rounds {
				sc.noise(12, rnd) // three minutes between two rounds of upkeep
				s.tend(t.Context(), time.Now())
			}
			most := largest()
			t.Logf("at most %d of %d KiB; %+v", most>>10, tc.limit>>10, *s.size.last.Load())
			if most > tc.limit {
				t.Errorf("the data directory had %d bytes, want %d at most", most, tc.limit)
			}
			if most < tc.limit/4 {
				t.Errorf("only %d bytes of %d were used", most, tc.limit)
			}
			if s.Degraded() || testutil.ToFloat64(s.metrics.dropped) == 0 {
				t.Errorf("degraded %t; %v blocks were dropped", s.Degraded(), testutil.ToFloat64(s.metrics.dropped))
			}
			newest := sc.at.Add(time.Duration(sc.n-1) * 15 * time.Second)
			got, err := read(s, newest.Add(-30*time.Minute), newest)
			if err != nil || len(got["0"]) != 120 {
				t.Errorf("%d samples of the last half hour, %v; want 120", len(got["0"]), err)
			}
		})
	}
}

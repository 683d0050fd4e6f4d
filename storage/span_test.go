package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/tsdb"
)

// TestBlockOfAbsurdTime opens a store one block of which says that it ends before
// or long after all time: it is set aside, and the rest is as it was, also for a
// clock that is set back and for a disk that has to be left.
func TestBlockOfAbsurdTime(t *testing.T) {
	for _, maxt := range []int64{math.MinInt64, 0, math.MaxInt64} {
		t.Run(fmt.Sprint(maxt), func(t *testing.T) {
			s := clockStore(t, false, true)
			dir := s.opts.Dir
			if err := s.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			sayMaxTime(t, dir, maxt)
			s = open(t, dir)
			if rs := s.Stats().Repairs; len(rs) != 1 || rs[0].Kind != kindBlock {
				t.Errorf("repairs %+v, want one block", rs)
			}
			if got := s.Newest(); got.After(t0) {
				t.Errorf("newest is %v, want nothing after %v", got, t0)
			}
			if err := s.CutOver(t0); err != nil {
				t.Error(err)
			}
			for i := range 20 {
				appendAt(t, s, t0.Add(time.Duration(i)*time.Minute))
			}
			h, release, err := s.acquire()
			if err != nil {
				t.Fatal(err)
			}
			release()
			s.suspect(h, syscall.ENOSPC)
			s.tend(t.Context(), time.Now())
			if got := values(t, s); !s.Degraded() || len(got) < 20 {
				t.Errorf("degraded %t, and memory has %d samples, want 20 and more", s.Degraded(), len(got))
			}
		})
	}
}

// sayMaxTime makes the first block of a store say that it ends at maxt.
func sayMaxTime(t *testing.T, dir string, maxt int64) {
	t.Helper()
	metas, err := filepath.Glob(filepath.Join(dir, "tsdb", "*", "meta.json"))
	if err != nil || len(metas) == 0 {
		t.Fatalf("no blocks: %v", err)
	}
	b, err := os.ReadFile(metas[0])
	if err != nil {
		t.Fatal(err)
	}
	var m tsdb.BlockMeta
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	m.MaxTime = maxt
	if b, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(metas[0], b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestCutOverBeyondAllTime(t *testing.T) {
	s := clockStore(t, false, true)
	want := len(values(t, s))
	if err := s.CutOver(time.UnixMilli(math.MaxInt64)); err != nil {
		t.Error(err)
	}
	if got := len(values(t, s)); got != want || len(s.Stats().Repairs) > 0 {
		t.Errorf("%d samples, want %d; repairs %v", got, want, s.Stats().Repairs)
	}
}

func TestAlignedEnd(t *testing.T) {
	for _, tc := range []struct{ in, want int64 }{
		{0, 9}, {9, 9}, {10, 19}, {-1, -1}, {-10, -1}, {-11, -11},
		{math.MinInt64, math.MinInt64 + 7}, {math.MaxInt64, math.MaxInt64}, {math.MaxInt64 - 7, math.MaxInt64},
	} {
		if got := alignedEnd(tc.in, 10); got != tc.want {
			t.Errorf("alignedEnd(%d) = %d, want %d", tc.in, got, tc.want)
		}
	}
}

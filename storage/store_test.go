package storage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

var t0 = time.Date(2026, 11, 22, 11, 30, 0, 0, time.UTC)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s := New(Options{Dir: dir, RetentionTime: 15 * 24 * time.Hour})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

func fill(t *testing.T, s *Store, from time.Time, n int, step time.Duration) {
	t.Helper()
	for i := range n {
		app := s.AppenderV2(t.Context())
		for _, name := range []string{"a", "b"} {
			ls := labels.FromStrings(labels.MetricName, name)
			if _, err := app.Append(0, ls, 0, from.Add(time.Duration(i)*step).UnixMilli(), float64(i), nil, nil, storage.AOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := app.Commit(); err != nil {
			t.Fatal(err)
		}
	}
}

// values reads all samples of the series "a".
func values(t *testing.T, s storage.Queryable) []float64 {
	t.Helper()
	q, err := s.Querier(0, t0.Add(1000*time.Hour).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	var got []float64
	ss := q.Select(t.Context(), true, nil, labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, "a"))
	for ss.Next() {
		it := ss.At().Iterator(nil)
		for it.Next() == chunkenc.ValFloat {
			_, v := it.At()
			got = append(got, v)
		}
	}
	if ss.Err() != nil {
		t.Fatal(ss.Err())
	}
	return got
}

func upTo(n int) []float64 {
	want := make([]float64, n)
	for i := range want {
		want[i] = float64(i)
	}
	return want
}

func blockCount(t *testing.T, dir string) int {
	t.Helper()
	metas, err := filepath.Glob(filepath.Join(dir, "tsdb", "*", "meta.json"))
	if err != nil {
		t.Fatal(err)
	}
	return len(metas)
}

func TestSamplesSurviveCloseAndCompact(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, s, t0, 100, time.Minute) // crosses a block boundary at 12:00
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := blockCount(t, dir); got != 2 {
		t.Errorf("blocks after compact = %d, want 2, one for each aligned range", got)
	}
	if st := s.Stats(); !st.Open || st.Series != 0 {
		t.Errorf("after compact: stats %+v, want an open store with an empty head", st)
	}
	if diff := cmp.Diff(upTo(100), values(t, s)); diff != "" {
		t.Errorf("after compact (-want +got):\n%s", diff)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "tsdb", "wal")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after close the write-ahead log is still there: %v", err)
	}
	s = open(t, dir)
	if diff := cmp.Diff(upTo(100), values(t, s)); diff != "" {
		t.Errorf("after reopen (-want +got):\n%s", diff)
	}
	fill(t, s, t0.Add(100*time.Minute), 1, time.Minute)
	if got := len(values(t, s)); got != 101 {
		t.Errorf("samples after appending to a reopened store = %d, want 101", got)
	}
}

func TestCompactionAbortedKeepsEverySample(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, s, t0, 100, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("close under a done context: %v, want %v", err, context.Canceled)
	}
	s = open(t, dir)
	if diff := cmp.Diff(upTo(100), values(t, s)); diff != "" {
		t.Errorf("after an aborted compaction (-want +got):\n%s", diff)
	}
}

func TestNotOpen(t *testing.T) {
	s := New(Options{Dir: t.TempDir()})
	if _, err := s.Querier(0, 1); !errors.Is(err, ErrNotReady) {
		t.Errorf("querier: %v, want %v", err, ErrNotReady)
	}
	app := s.AppenderV2(t.Context())
	if _, err := app.Append(0, labels.FromStrings("a", "b"), 0, 1, 1, nil, nil, storage.AOptions{}); !errors.Is(err, ErrNotReady) {
		t.Errorf("append: %v, want %v", err, ErrNotReady)
	}
	if err := app.Commit(); !errors.Is(err, ErrNotReady) {
		t.Errorf("commit: %v, want %v", err, ErrNotReady)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("close of a store that was never open: %v", err)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, s, t0, 3, time.Minute)
	var locked *LockedError
	if err := New(Options{Dir: dir}).Open(); !errors.As(err, &locked) {
		t.Fatalf("second open: %v, want a LockedError", err)
	} else if !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "pid") {
		t.Errorf("message names neither directory nor process: %v", err)
	}
	if got := len(values(t, s)); got != 3 {
		t.Errorf("samples after a second process tried = %d, want 3", got)
	}
}

func TestQueryHoldsStoreOpen(t *testing.T) {
	s := open(t, t.TempDir())
	fill(t, s, t0, 3, time.Minute)
	q, err := s.Querier(0, t0.Add(time.Hour).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	var closing atomic.Bool
	waited := make(chan bool)
	go func() {
		if err := s.Compact(context.Background()); err != nil {
			t.Error(err)
		}
		waited <- closing.Load()
	}()
	for range 1000 { // the querier stays good while the store wants to close
		if _, _, err := q.LabelNames(t.Context(), nil); err != nil {
			t.Fatalf("query while the store waits to close: %v", err)
		}
	}
	closing.Store(true)
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if !<-waited {
		t.Error("compact did not wait for the open querier")
	}
}

// TestYearsWithoutSamples: a clock that jumped must not keep compaction busy with
// the time between.
func TestYearsWithoutSamples(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, s, t0.AddDate(-30, 0, 0), 1, time.Minute)
	fill(t, s, t0, 1, time.Minute)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := blockCount(t, dir); got != 1 {
		t.Errorf("%d blocks, want 1: the other is older than the retention", got)
	}
}

func TestCompactAndCloseAtTheSameTime(t *testing.T) {
	for range 10 {
		dir := t.TempDir()
		s := open(t, dir)
		fill(t, s, t0, 10, time.Minute)
		done := make(chan error, 2)
		go func() { done <- s.Compact(context.Background()) }()
		go func() { done <- s.Close(context.Background()) }()
		if err := errors.Join(<-done, <-done); err != nil {
			t.Fatal(err)
		}
		if err := s.Open(); !errors.Is(err, ErrClosed) {
			t.Errorf("open after close: %v, want %v", err, ErrClosed)
		}
		s = open(t, dir) // the lock is free
		if got := len(values(t, s)); got != 10 {
			t.Errorf("%d samples are left, want 10", got)
		}
	}
}

func TestMemoryModeLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // the second finds what the first, which was killed, left
		s := New(Options{Dir: dir, Memory: true})
		if err := s.Open(); err != nil {
			t.Fatal(err)
		}
		if got := len(values(t, s)); got != 0 {
			t.Errorf("%d samples of another process, want none", got)
		}
		fill(t, s, t0, 3, time.Minute)
		if got := len(values(t, s)); got != 3 {
			t.Errorf("%d samples, want 3", got)
		}
		where := s.memoryDir
		if err := s.lock.release(); err != nil { // as the kernel does
			t.Fatal(err)
		}
		t.Cleanup(func() {
			s.lock = nil
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
			if fileExists(where) {
				t.Errorf("%s is left behind", where)
			}
		})
	}
	if fileExists(filepath.Join(dir, "tsdb")) {
		t.Error("samples were written to the data directory")
	}
}

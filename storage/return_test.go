package storage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// awayStore is a store that is in memory, as something is in the place of its
// directory; free takes that away.
func awayStore(t *testing.T) (s *Store, free func()) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(dir, []byte("in the way"), 0o644); err != nil {
		t.Fatal(err)
	}
	s = New(Options{Dir: dir})
	if err := s.OpenOrFallBack(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	if !s.Degraded() {
		t.Fatal("the store is on the disk")
	}
	return s, func() {
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// begin starts a transaction with one sample.
func begin(t *testing.T, s *Store, at time.Time) storage.AppenderV2 {
	t.Helper()
	app := s.AppenderV2(t.Context())
	if _, err := app.Append(0, labels.FromStrings(labels.MetricName, "a", "of", at.String()), 0, at.UnixMilli(), float64(at.Unix()), nil, nil, storage.AOptions{}); err != nil {
		t.Fatal(err)
	}
	return app
}

// commitShut commits once appenders are held back, and gives the error.
func commitShut(s *Store, app storage.AppenderV2) <-chan error {
	result := make(chan error, 1)
	go func() {
		for shut := false; !shut; runtime.Gosched() {
			s.appending.mu.Lock()
			shut = s.appending.shut != nil
			s.appending.mu.Unlock()
		}
		result <- app.Commit()
	}()
	return result
}

// TestCommitDuringReturn commits what was under way as the store returns to the
// disk: the first sample of all, one of the time of those that are there, and one
// of a time before.
func TestCommitDuringReturn(t *testing.T) {
	for _, tc := range []struct {
		name   string
		before []time.Time
		at     time.Time
	}{
		{"into empty memory", nil, t0},
		{"at the time of the last", []time.Time{t0}, t0},
		{"before the last", []time.Time{t0, t0.Add(time.Minute)}, t0.Add(30 * time.Second)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, free := awayStore(t)
			for _, at := range tc.before {
				appendAt(t, s, at)
			}
			free()
			result := commitShut(s, begin(t, s, tc.at))
			s.tend(t.Context(), time.Now().Add(time.Hour))
			if err := <-result; err != nil || s.Degraded() {
				t.Fatalf("commit: %v; degraded %t", err, s.Degraded())
			}
			var want []float64
			for _, at := range append(tc.before, tc.at) {
				want = append(want, float64(at.Unix()))
			}
			got := values(t, s)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("the store has %v, want %v", got, want)
			}
		})
	}
}

// TestReturnWaitsForSlowScrape: one that takes longer than an exchange waits puts
// the return off, and loses nothing.
func TestReturnWaitsForSlowScrape(t *testing.T) {
	s, free := awayStore(t)
	appendAt(t, s, t0)
	free()
	app := begin(t, s, t0.Add(time.Minute))
	s.tend(t.Context(), time.Now().Add(time.Hour))
	if !s.Degraded() {
		t.Fatal("the store is on the disk, and a transaction in memory")
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	appendAt(t, s, t0.Add(2*time.Minute))
	s.tend(t.Context(), time.Now().Add(2*time.Hour))
	if got := values(t, s); s.Degraded() || len(got) != 3 {
		t.Errorf("degraded %t, values %v, want three", s.Degraded(), got)
	}
}

// TestCommitBehindFallback: a transaction that outlasts the exchange says that it
// came to nothing.
func TestCommitBehindFallback(t *testing.T) {
	s := open(t, t.TempDir())
	app := begin(t, s, t0)
	h, release, err := s.acquire()
	if err != nil {
		t.Fatal(err)
	}
	release()
	s.suspect(h, os.ErrPermission)
	s.tend(t.Context(), time.Now())
	if !s.Degraded() {
		t.Fatal("the store is on the disk")
	}
	if err := app.Commit(); !errors.Is(err, ErrNotReady) {
		t.Errorf("commit: %v, want %v", err, ErrNotReady)
	}
	appendAt(t, s, t0.Add(time.Minute))
}

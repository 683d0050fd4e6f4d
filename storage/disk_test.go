package storage

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/test/smalldisk"
)

// scraper appends one sample of each of a number of series every 15 s, as long as
// the test wants, and counts what was lost.
type scraper struct {
	t      testing.TB
	s      *Store
	at     time.Time
	series []labels.Labels
	refs   []storage.SeriesRef // as Prometheus's scraper keeps them
	n      int                 // scrapes so far
	hours  int                 // how far upkeep is ahead of the clock
	lost   []int               // the scrapes that the store did not take
}

func newScraper(t testing.TB, s *Store, at time.Time, series int) *scraper {
	sc := &scraper{t: t, s: s, at: at, refs: make([]storage.SeriesRef, series)}
	for i := range series {
		sc.series = append(sc.series, labels.FromStrings(labels.MetricName, "a", "i", strconv.Itoa(i)))
	}
	return sc
}

// scrape appends n times, and evaluates after each.
func (sc *scraper) scrape(n int) {
	sc.t.Helper()
	for range n {
		sc.append(1)
		sc.evaluate(sc.at.Add(time.Duration(sc.n-1) * 15 * time.Second))
	}
}

func (sc *scraper) append(n int) {
	sc.t.Helper()
	for range n {
		at := sc.at.Add(time.Duration(sc.n) * 15 * time.Second)
		app := sc.s.AppenderV2(sc.t.Context())
		failed := false
		for i, ls := range sc.series {
			ref, err := app.Append(sc.refs[i], ls, 0, at.UnixMilli(), float64(sc.n), nil, nil, storage.AOptions{})
			sc.refs[i] = ref
			failed = failed || err != nil
		}
		if app.Commit() != nil || failed {
			sc.lost = append(sc.lost, sc.n)
		}
		sc.n++
	}
}

// evaluate reads all that a rule with a window of five minutes reads.
func (sc *scraper) evaluate(at time.Time) {
	sc.t.Helper()
	got, err := read(sc.s, at.Add(-5*time.Minute), at)
	if err != nil {
		sc.t.Errorf("scrape %d cannot be evaluated: %v", sc.n-1, err)
	}
	want := min(sc.n, 20) - 1 // one may be lost
	for _, ls := range sc.series {
		if len(got[ls.Get("i")]) < want {
			sc.t.Errorf("after scrape %d the window of series %s has %d samples, want %d at least", sc.n-1, ls.Get("i"), len(got[ls.Get("i")]), want)
			return
		}
	}
}

// read gives the values of every series "a" by its label i.
func read(s storage.Queryable, from, to time.Time) (got map[string][]float64, err error) {
	q, err := s.Querier(from.UnixMilli()+1, to.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer q.Close()
	got = map[string][]float64{}
	set := q.Select(context.Background(), true, nil, labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, "a"))
	for set.Next() {
		it := set.At().Iterator(nil)
		for it.Next() != 0 {
			_, v := it.At()
			got[set.At().Labels().Get("i")] = append(got[set.At().Labels().Get("i")], v)
		}
		if it.Err() != nil {
			return nil, it.Err()
		}
	}
	return got, set.Err()
}

// wantAll checks that the store has every sample but those of lost scrapes.
func (sc *scraper) wantAll() {
	sc.t.Helper()
	got, err := read(sc.s, sc.at.Add(-time.Hour), sc.at.Add(1000*time.Hour))
	if err != nil {
		sc.t.Fatal(err)
	}
	var want []float64
	for i := range sc.n {
		if len(sc.lost) == 0 || sc.lost[0] != i {
			want = append(want, float64(i))
		} else {
			sc.lost = sc.lost[1:]
		}
	}
	for _, ls := range sc.series {
		if diff := cmp.Diff(want, got[ls.Get("i")]); diff != "" {
			sc.t.Fatalf("series %s (-want +got):\n%s", ls, diff)
		}
	}
}

// onDisk checks where the store is.
func (sc *scraper) onDisk(want bool) {
	sc.t.Helper()
	st := sc.s.Stats()
	if got := st.Degraded == nil && !st.Memory; got != want {
		sc.t.Fatalf("on the disk: %t, want %t; degraded %+v", got, want, st.Degraded)
	}
	if got := testutil.ToFloat64(sc.s.metrics.degraded) == 0; got != want {
		sc.t.Errorf("the metric says on the disk: %t, want %t", got, want)
	}
}

// later is one round of upkeep when the next attempt to return is due.
func (sc *scraper) later() {
	sc.hours++
	sc.s.tend(sc.t.Context(), time.Now().Add(time.Duration(sc.hours)*time.Hour))
}

// diskStore opens a store on a disk of its own.
func diskStore(t *testing.T, d *smalldisk.Disk) *Store {
	t.Helper()
	s := New(Options{Dir: filepath.Join(d.Dir, "data"), RetentionTime: 15 * 24 * time.Hour})
	if err := s.OpenOrFallBack(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

func sound(t *testing.T) *smalldisk.Disk { return smalldisk.New(t, 16) }

// worn is a disk that answers with EIO after 3 MiB.
func worn(t *testing.T) *smalldisk.Disk { return smalldisk.NewFailing(t, 16, 3<<10) }

// TestDiskFailsWhileRunning breaks the disk under an open store, and repairs it.
func TestDiskFailsWhileRunning(t *testing.T) {
	for _, tc := range []struct {
		name       string
		newDisk    func(t *testing.T) *smalldisk.Disk
		breakDisk  func(d *smalldisk.Disk)
		repairDisk func(d *smalldisk.Disk)
	}{
		{"full", sound, (*smalldisk.Disk).Fill, (*smalldisk.Disk).Free},
		{"read-only", sound, (*smalldisk.Disk).Abort, (*smalldisk.Disk).Exchange},
		{"errors", worn, (*smalldisk.Disk).Wear, (*smalldisk.Disk).Exchange},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := tc.newDisk(t)
			sc := newScraper(t, diskStore(t, d), t0, 100)
			sc.scrape(300)
			sc.onDisk(true)
			tc.breakDisk(d)
			sc.scrape(300) // a full disk still takes what fits into the last block of the log
			sc.onDisk(false)
			sc.later()
			sc.onDisk(false)
			tc.repairDisk(d)
			sc.later()
			sc.onDisk(true)
			sc.scrape(100)
			if len(sc.lost) > 1 {
				t.Errorf("scrapes %v were lost, want one at most", sc.lost)
			}
			sc.wantAll()
			if err := sc.s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if left, _ := filepath.Glob(filepath.Join(d.Dir, "data", "tsdb", "wal", "*")); len(left) > 0 {
				t.Errorf("the log is still there: %v", left)
			}
			if fileExists(sc.s.memoryDir) && sc.s.memoryDir != "" {
				t.Errorf("%s is left behind", sc.s.memoryDir)
			}
		})
	}
}

func TestDiskFailsAtStart(t *testing.T) {
	for _, tc := range []struct {
		name       string
		breakDisk  func(d *smalldisk.Disk)
		repairDisk func(d *smalldisk.Disk)
	}{
		{"full", (*smalldisk.Disk).Fill, (*smalldisk.Disk).Free},
		{"read-only", (*smalldisk.Disk).ReadOnly, (*smalldisk.Disk).Writable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := smalldisk.New(t, 16)
			sc := newScraper(t, diskStore(t, d), t0, 100)
			sc.scrape(300)
			kill(t, sc.s)
			tc.breakDisk(d)
			sc.s = diskStore(t, d)
			sc.onDisk(false)
			sc.scrape(100)
			sc.later()
			sc.onDisk(false)
			tc.repairDisk(d)
			sc.later()
			sc.onDisk(true)
			sc.scrape(100)
			if len(sc.lost) > 0 {
				t.Errorf("scrapes %v were lost", sc.lost)
			}
			sc.wantAll()
		})
	}
}

// kill leaves the data directory as a process that was killed does: the log with
// all that was committed, and no lock.
func kill(t *testing.T, s *Store) {
	t.Helper()
	s.upkeep.end(t.Context())
	s.closed = true
	if err := s.detach().db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.unlock(); err != nil {
		t.Fatal(err)
	}
	_ = os.RemoveAll(s.memoryDir)
}

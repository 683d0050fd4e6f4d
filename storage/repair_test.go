package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// abandon leaves the data directory as a killed process does: copied while the
// store is open, so that no close can tidy it.
func abandon(t testing.TB, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func glob(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("nothing matches %s in %s: %v", pattern, dir, err)
	}
	return found[0]
}

func truncate(t *testing.T, path string, n int64) {
	t.Helper()
	if err := os.Truncate(path, n); err != nil {
		t.Fatal(err)
	}
}

func overwrite(t *testing.T, path string, at int64, with string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(with), at); err != nil {
		t.Fatal(err)
	}
}

// TestDamage breaks one file at a time in a store of one block (samples 0-99),
// head chunks and a write-ahead log (samples 100-499), as a crash, a bad card or
// a user can.
func TestDamage(t *testing.T) {
	src := t.TempDir()
	s := open(t, src)
	fill(t, s, t0.Add(-90*time.Minute), 100, 10*time.Second)
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	fill(t, s, t0.Add(-90*time.Minute+1000*time.Second), 400, 10*time.Second)
	db := s.detach().db // closed as the TSDB closes, not sealed
	db.ForceHeadMMap()
	if err := errors.Join(db.Close(), s.unlock()); err != nil {
		t.Fatal(err)
	}

	for _, tc := range []struct {
		name     string
		damage   func(t *testing.T, dir string)
		kind     string
		setAside bool
		min, max int // samples that must and can be left
	}{
		{"nothing", func(*testing.T, string) {}, "", false, 500, 500},
		{"block index cut", func(t *testing.T, dir string) { truncate(t, glob(t, dir, "tsdb/*/index"), 100) }, kindBlock, true, 400, 400},
		{"block index empty", func(t *testing.T, dir string) { truncate(t, glob(t, dir, "tsdb/*/index"), 0) }, kindBlock, true, 400, 400},
		{"block meta garbage", func(t *testing.T, dir string) { overwrite(t, glob(t, dir, "tsdb/*/meta.json"), 0, "garbage") }, kindBlock, true, 400, 400},
		{"block chunks cut", func(t *testing.T, dir string) { truncate(t, glob(t, dir, "tsdb/*/chunks/000001"), 3) }, kindBlock, true, 400, 400},
		{"log garbage in the middle", func(t *testing.T, dir string) {
			overwrite(t, glob(t, dir, "tsdb/wal/00000000"), 4000, "garbage garbage")
		}, kindWAL, false, 100, 499},
		{"log cut in a record", func(t *testing.T, dir string) { truncate(t, glob(t, dir, "tsdb/wal/00000000"), 4001) }, kindWAL, false, 100, 499},
		{"log is a file", func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "tsdb/wal")); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "tsdb/wal"), []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, kindWAL, true, 100, 100},
		{"log segment missing", func(t *testing.T, dir string) {
			from := glob(t, dir, "tsdb/wal/00000000")
			for _, n := range []string{"00000003", "00000005"} {
				if err := os.Link(from, filepath.Join(dir, "tsdb/wal", n)); err != nil {
					t.Fatal(err)
				}
			}
		}, kindWAL, true, 100, 100},
		{"head chunks garbage", func(t *testing.T, dir string) {
			overwrite(t, glob(t, dir, "tsdb/chunks_head/000001"), 40, "garbage garbage")
		}, kindHead, false, 500, 500},
		{"head chunks header", func(t *testing.T, dir string) { overwrite(t, glob(t, dir, "tsdb/chunks_head/000001"), 0, "garbage") }, kindHead, true, 500, 500},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := abandon(t, src)
			tc.damage(t, dir)
			s := open(t, dir)
			n := len(values(t, s))
			if n < tc.min || n > tc.max {
				t.Errorf("%d samples are left, want %d to %d; repairs %v", n, tc.min, tc.max, s.Stats().Repairs)
			}
			checkRepairs(t, s, tc.kind, tc.setAside)
			fill(t, s, t0.Add(24*time.Hour), 1, time.Minute)
			if got := len(values(t, s)); got != n+1 {
				t.Errorf("samples after one more = %d, want %d", got, n+1)
			}
		})
	}
}

func checkRepairs(t *testing.T, s *Store, kind string, aside bool) {
	t.Helper()
	var got, want []string
	for _, r := range s.Stats().Repairs {
		got = append(got, r.Kind)
	}
	if kind != "" {
		want = []string{kind}
	}
	if aside && kind == kindWAL {
		want = []string{kindHead, kindWAL} // the smaller remedy is tried first
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("repairs (-want +got):\n%s\n%+v", diff, s.Stats().Repairs)
	}
	counted := s.metrics.repaired
	if aside {
		counted = s.metrics.setAside
	}
	if kind != "" && testutil.ToFloat64(counted.WithLabelValues(kind)) != 1 {
		t.Errorf("damage of %s was not counted", kind)
	}
}

func TestForeignFileInTheWayIsSetAside(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tsdb"), []byte("in the way"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	fill(t, s, t0, 1, time.Minute)
	if got, err := os.ReadFile(glob(t, dir, "set-aside/*")); err != nil || string(got) != "in the way" {
		t.Errorf("the file that was in the way is now %q, %v", got, err)
	}
}

// TestRefusingFileSystemMovesNothing: /proc takes no new directories.
func TestRefusingFileSystemMovesNothing(t *testing.T) {
	s := New(Options{Dir: "/proc/self/fd"})
	if err := s.Open(); err == nil || len(s.Stats().Repairs) != 0 {
		t.Errorf("open on a file system that refuses: %v, repairs %v", err, s.Stats().Repairs)
	}
}

// TestSetAsideIsBounded: what is deleted is counted, and said of the repair.
func TestSetAsideIsBounded(t *testing.T) {
	s := New(Options{Dir: t.TempDir()})
	for range keepSetAside + 3 {
		if err := os.MkdirAll(filepath.Join(s.opts.Dir, "tsdb", "wal"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := s.setAside(kindWAL, "wal", os.ErrInvalid); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(s.opts.Dir, "set-aside"))
	if err != nil || len(entries) != keepSetAside {
		t.Errorf("%d entries are set aside, want %d (%v)", len(entries), keepSetAside, err)
	}
	for i, r := range s.Stats().Repairs {
		if got := strings.Contains(r.Text, "deleted since"); got != (i < 3) {
			t.Errorf("repair %d is %q", i, r.Text)
		}
	}
	if got := testutil.ToFloat64(s.metrics.asideDeleted.WithLabelValues(deletedMany)); got != 3 {
		t.Errorf("%v deletions are counted, want 3", got)
	}
}

// TestMostBlocksUnread: a disk that gives back an error for most blocks is not
// cured by moving them about; a single one is damaged.
func TestMostBlocksUnread(t *testing.T) {
	for _, all := range []bool{true, false} {
		s := clockStore(t, false, true)
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		first := true
		moved, err := s.setAsideWhere(func(string) error {
			if !all && !first {
				return nil
			}
			first = false
			return fmt.Errorf("read index: %w", syscall.EIO)
		})
		if want := map[bool]int{true: 0, false: 1}[all]; moved != want || all != (err != nil) || all && isDamage(err) {
			t.Errorf("all %t: %d blocks are set aside, want %d: %v", all, moved, want, err)
		}
	}
}

package storage

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// contents are all files of a directory: path, mode, time of change and hash.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		sum := ""
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum = fmt.Sprintf("%x", sha256.Sum256(content))
		}
		out[path] = fmt.Sprint(info.Mode(), info.ModTime().UnixNano(), sum)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// readHistory opens a directory, reads all samples of "a", and checks that not
// one file of it has changed, and that nothing is left elsewhere.
func readHistory(t *testing.T, dir string) (got []float64, damage []error) {
	t.Helper()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	before := contents(t, dir)
	h, err := OpenHistory(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, damage = values(t, h), h.Damage()
	if oldest, newest, ok := h.Bounds(); ok != (len(got) > 0) || ok && (oldest.Before(t0) || newest.Before(oldest)) {
		t.Errorf("bounds %v to %v, %v, with %d samples from %v on", oldest, newest, ok, len(got), t0)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
		t.Errorf("the directory has changed (-before +after):\n%s", diff)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	return got, damage
}

func TestHistoryReadsWithoutATrace(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(t *testing.T, dir string)
		want int
	}{
		{"log only", func(t *testing.T, dir string) {
			fill(t, open(t, dir), t0, 100, time.Minute)
		}, 100},
		{"blocks only", func(t *testing.T, dir string) {
			s := open(t, dir)
			fill(t, s, t0, 100, time.Minute)
			if err := s.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, 100},
		{"blocks and log", func(t *testing.T, dir string) {
			s := open(t, dir)
			fill(t, s, t0, 100, time.Minute)
			if err := s.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
			fill(t, s, t0.Add(100*time.Minute), 100, time.Minute)
		}, 200},
		{"log of many segments", func(t *testing.T, dir string) {
			first := t.TempDir()
			fill(t, open(t, first), t0, 20, time.Second)
			if err := os.CopyFS(dir, os.DirFS(first)); err != nil {
				t.Fatal(err)
			}
			fill(t, open(t, dir), t0.Add(time.Hour), 1, time.Second) // after a crash
		}, 21},
		{"no samples", func(t *testing.T, dir string) { open(t, dir) }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			tc.make(t, dir)
			got, damage := readHistory(t, dir)
			if len(got) != tc.want || len(damage) > 0 {
				t.Errorf("%d samples, want %d; damage %v", len(got), tc.want, damage)
			}
		})
	}
}

// holdEnv makes this test binary hold the directory that it names.
const holdEnv = "TOCSIN_TEST_HOLD"

func TestHistoryWhileAnotherProcessHoldsTheDirectory(t *testing.T) {
	if dir := os.Getenv(holdEnv); dir != "" {
		s := open(t, dir)
		fill(t, s, t0, 100, time.Minute)
		fmt.Println("\nheld")
		_, _ = io.Copy(io.Discard, os.Stdin) // until the parent has seen enough
		return
	}
	dir := t.TempDir()
	holder := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	holder.Env = append(os.Environ(), holdEnv+"="+dir)
	stdin, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && lines.Text() != "held" {
	}
	var locked *LockedError
	if err := New(Options{Dir: dir}).Open(); !errors.As(err, &locked) {
		t.Fatalf("the directory is not held: %v", err)
	}
	if got, damage := readHistory(t, dir); len(got) != 100 || len(damage) > 0 {
		t.Errorf("%d samples, want 100; damage %v", len(got), damage)
	}
	if err := stdin.Close(); err != nil {
		t.Error(err)
	}
	if err := holder.Wait(); err != nil {
		t.Errorf("the holder ended with %v: it was disturbed", err)
	}
}

func TestHistoryOfDamagedDirectory(t *testing.T) {
	for _, tc := range []struct {
		name       string
		damage     func(t *testing.T, dir string)
		want, hurt int
	}{
		{"record that is being written", func(t *testing.T, dir string) {
			truncate(t, glob(t, dir, "tsdb/wal/00000000"), 4001)
		}, -1, 0},
		{"block without index", func(t *testing.T, dir string) {
			if err := os.Remove(glob(t, dir, "tsdb/0*/index")); err != nil {
				t.Fatal(err)
			}
		}, 400, 1},
		{"unfinished and foreign entries", func(t *testing.T, dir string) {
			for _, n := range []string{"01K00000000000000000000000.tmp-for-creation", "lost+found"} {
				if err := os.Mkdir(filepath.Join(dir, "tsdb", n), 0o755); err != nil {
					t.Fatal(err)
				}
			}
		}, 500, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			fill(t, s, t0, 100, time.Second)
			if err := s.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
			fill(t, s, t0.Add(100*time.Second), 400, time.Second)
			dir = abandon(t, dir)
			tc.damage(t, dir)
			got, damage := readHistory(t, dir)
			if tc.want >= 0 && len(got) != tc.want || tc.want < 0 && (len(got) <= 100 || len(got) >= 500) {
				t.Errorf("%d samples, want %d", len(got), tc.want)
			}
			if len(damage) != tc.hurt {
				t.Errorf("damage %v, want %d", damage, tc.hurt)
			}
		})
	}
}

func TestHistoryOfNothing(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if _, err := OpenHistory(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open %s: %v, want one that says that there is none", dir, err)
		}
	}
}

// TestHistoryWhileCompacting: whenever a reader comes, it finds every sample.
func TestHistoryWhileCompacting(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, s, t0, 300, time.Minute)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 5 {
			if err := s.Compact(context.Background()); err != nil {
				t.Error(err)
			}
		}
	}()
	for reads, compacting := 0, true; compacting; reads++ {
		select {
		case <-done:
			compacting = false
		default:
		}
		h, err := OpenHistory(dir)
		if err != nil {
			t.Fatalf("read %d: %v", reads, err)
		}
		if got := len(values(t, h)); got != 300 || len(h.Damage()) > 0 {
			t.Errorf("read %d: %d samples, want 300; damage %v", reads, got, h.Damage())
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

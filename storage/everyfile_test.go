package storage

import (
	"context"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var long = flag.Bool("long", false, "the disk tests in full")

// damages are what a crash, a bad card or a user does to one file.
var damages = []struct {
	name string
	do   func(path string) error
}{
	{"cut to nothing", func(path string) error { return os.Truncate(path, 0) }},
	{"cut to half", func(path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		return os.Truncate(path, info.Size()/2)
	}},
	{"gone", os.Remove},
	{"garbage", func(path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(strings.Repeat("garbage", int(info.Size())/7+1)), 0o644)
	}},
	{"a directory", func(path string) error {
		if err := os.Remove(path); err != nil {
			return err
		}
		return os.MkdirAll(filepath.Join(path, "sub"), 0o755)
	}},
	{"somebody else's", func(path string) error {
		if err := os.Chown(path, 65534, 65534); err != nil {
			return err
		}
		return os.Chmod(path, 0)
	}},
}

// grown makes a store as a running daemon has it: blocks, a log of some segments,
// chunks of the head, and something set aside.
func grown(t *testing.T, dir string) *scraper {
	t.Helper()
	s := New(Options{Dir: dir, RetentionTime: 15 * 24 * time.Hour, RetentionSize: 4 << 20})
	if err := s.OpenOrFallBack(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	s.upkeep.end(t.Context()) // the test says when, or two stores would have other files
	sc := newScraper(t, s, t0.AddDate(0, 0, -1), 20)
	sc.append(1000)
	s.tend(t.Context(), time.Now())
	s.mu.Lock()
	db := s.open.db
	s.mu.Unlock()
	sc.append(400)
	db.ForceHeadMMap()
	if err := os.MkdirAll(filepath.Join(dir, "set-aside"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "set-aside", "20000101T000000Z-x"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	return sc
}

// filesOf lists the files of a data directory by kinds, so that they can be found
// in another of the same making: a block by the place of its name among those of
// the blocks.
func filesOf(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files in %s: %v", len(files), dir, err)
	}
	return files
}

// kindOf is the path of a file below dir without the names of blocks.
func kindOf(dir, path string) string {
	parts := strings.Split(strings.TrimPrefix(path, dir+"/"), "/")
	for i, p := range parts {
		if len(p) == 26 {
			parts[i] = "block"
		}
	}
	return strings.Join(parts, "/")
}

// TestEveryFileAtStart damages one file at a time of a data directory that a
// killed process has left. The store opens, takes every scrape, and is on the disk
// after a round of upkeep, or says why not.
func TestEveryFileAtStart(t *testing.T) {
	src := t.TempDir()
	sc := grown(t, src)
	kill(t, sc.s)
	seen := map[string]bool{}
	for i, path := range filesOf(t, src) {
		kind := kindOf(src, path)
		if seen[kind] && !*long {
			continue // the blocks are alike
		}
		seen[kind] = true
		for _, dmg := range damages {
			t.Run(kind+" "+dmg.name, func(t *testing.T) {
				dir := abandon(t, src)
				if err := dmg.do(filesOf(t, dir)[i]); err != nil {
					t.Fatal(err)
				}
				s := New(Options{Dir: dir, RetentionTime: 15 * 24 * time.Hour, RetentionSize: 4 << 20})
				if err := s.OpenOrFallBack(); err != nil {
					t.Fatalf("the store does not start: %v", err)
				}
				t.Cleanup(func() { s.Close(context.Background()) })
				after(t, s, sc)
			})
		}
	}
}

// after lets a store of damaged files work on: it must take every scrape but one,
// answer every query but one, and end up on the disk.
func after(t *testing.T, s *Store, before *scraper) {
	t.Helper()
	sc := newScraper(t, s, before.at.Add(time.Duration(before.n)*15*time.Second), 20)
	failed := 0
	for range 8 {
		sc.append(1)
		now := sc.at.Add(time.Duration(sc.n-1) * 15 * time.Second)
		for _, window := range []time.Duration{5 * time.Minute, 24 * time.Hour} {
			if _, err := read(s, now.Add(-window), now); err != nil {
				failed++
				t.Logf("query of %s: %v", window, err)
			}
		}
		sc.later()
	}
	if len(sc.lost) > 1 || failed > 2 {
		t.Errorf("%d scrapes were lost and %d queries failed, want one evaluation at most", len(sc.lost), failed)
	}
	sc.onDisk(true)
	got, err := read(s, sc.at.Add(-time.Second), sc.at.Add(time.Hour))
	if err != nil || len(got["0"]) != 8-len(sc.lost) {
		t.Errorf("%d of 8 samples are there, %v", len(got["0"]), err)
	}
}

// TestEveryFileWhileRunning damages one file at a time under an open store.
func TestEveryFileWhileRunning(t *testing.T) {
	src := t.TempDir()
	first := grown(t, src)
	seen := map[string]bool{}
	for i, path := range filesOf(t, src) {
		kind := kindOf(src, path)
		if seen[kind] && !*long {
			continue
		}
		seen[kind] = true
		for _, dmg := range damages {
			if !*long && !strings.HasPrefix(dmg.name, "cut") {
				continue
			}
			t.Run(kind+" "+dmg.name, func(t *testing.T) {
				dir := t.TempDir()
				sc := grown(t, dir)
				if sc.n != first.n {
					t.Fatalf("%d scrapes, want %d", sc.n, first.n)
				}
				if err := dmg.do(filesOf(t, dir)[i]); err != nil {
					t.Fatal(err)
				}
				after(t, sc.s, sc)
			})
		}
	}
}

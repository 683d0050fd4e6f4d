package rules

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// watch starts a watch of the pattern; the channel gets each call of changed.
func watch(t *testing.T, pattern string) chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	changed, done := make(chan struct{}, 100), make(chan struct{})
	loaded := Fingerprint(pattern)
	go func() {
		defer close(done)
		Watch(ctx, func() []string { return []string{pattern} }, slog.New(slog.DiscardHandler), func() string { return loaded }, func() {
			loaded = Fingerprint(pattern)
			changed <- struct{}{}
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return changed
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestWatch: each way in which rule files become others, in a directory, as one
// file and by a glob. A change that is never seen ends in the test's time-out.
func TestWatch(t *testing.T) {
	for _, tc := range []struct {
		name, pattern string
		before        func(t *testing.T, dir string)
		change        func(t *testing.T, dir string, again int)
	}{
		{"written", "d", nil, func(t *testing.T, dir string, i int) {
			write(t, dir+"/d/a.yml", "groups: [] # "+string(rune('a'+i)))
		}},
		{"appears late", "d/a.yml", nil, func(t *testing.T, dir string, i int) {
			must(t, os.RemoveAll(dir+"/d"))
			write(t, dir+"/d/a.yml", "groups: []")
		}},
		{"removed", "d/*.yml", func(t *testing.T, dir string) {
			write(t, dir+"/d/a.yml", "groups: []")
			write(t, dir+"/d/b.yml", "groups: []")
		},
			func(t *testing.T, dir string, i int) {
				if err := os.Remove(dir + "/d/a.yml"); err != nil {
					write(t, dir+"/d/a.yml", "groups: []")
				}
			}},
		{"renamed over", "d/a.yml", func(t *testing.T, dir string) { write(t, dir+"/d/a.yml", "groups: []") },
			func(t *testing.T, dir string, i int) {
				write(t, dir+"/new", "groups: []")
				must(t, os.Rename(dir+"/new", dir+"/d/a.yml"))
			}},
		{"symlinks swapped as ConfigMaps do", "d", func(t *testing.T, dir string) {
			write(t, dir+"/d/..1/a.yml", "groups: []")
			must(t, os.Symlink("..1", dir+"/d/..data"))
			must(t, os.Symlink("..data/a.yml", dir+"/d/a.yml"))
		}, func(t *testing.T, dir string, i int) {
			version := "..v" + string(rune('a'+i))
			write(t, dir+"/d/"+version+"/a.yml", "groups: []")
			must(t, os.Symlink(version, dir+"/d/..new"))
			must(t, os.Rename(dir+"/d/..new", dir+"/d/..data"))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if tc.before != nil {
				tc.before(t, dir)
			}
			changed := watch(t, filepath.Join(dir, tc.pattern))
			for i := range 3 { // each change is seen, and once
				tc.change(t, dir, i)
				<-changed
			}
		})
	}
}

func TestFingerprintKnowsContentOfTheSameSizeAndTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yml")
	write(t, path, "groups: [] #1")
	info, err := os.Stat(path)
	must(t, err)
	before := Fingerprint(path)
	write(t, path, "groups: [] #2")
	must(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
	if Fingerprint(path) == before {
		t.Error("a change that hides behind size and time is not seen")
	}
	if Fingerprint(path) != Fingerprint(path) {
		t.Error("the fingerprint changes by itself")
	}
}

package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// TestIdentity: host and engine are on all that leaves, the configuration file adds and
// replaces, EXTERNAL_LABELS wins and takes away; the engine's is known again after a
// restart, before the engine has answered, and another engine is another host.
func TestIdentity(t *testing.T) {
	dir := t.TempDir()
	var changes []labels.Labels
	start := func(external string) *identity {
		s := settings{dataPath: filepath.Join(dir, "data")}
		if err := parseLabels(&s, external); err != nil {
			t.Fatal(err)
		}
		changes = nil
		return newIdentity(s, func(ls labels.Labels) { changes = append(changes, ls) }, slog.New(slog.DiscardHandler))
	}
	check := func(i *identity, want ...string) {
		t.Helper()
		if got := i.labels(); !labels.Equal(got, labels.FromStrings(want...)) {
			t.Errorf("labels %v, want %v", got, want)
		}
	}
	i := start("")
	check(i, "host", hostname())
	if i.phase() != hostname() {
		t.Errorf("phase by %q before an engine is known", i.phase())
	}
	for range 2 {
		i.hear("AAAA:BBBB")
	}
	for _, bad := range []string{"", "a b", "a\n", "\xff", strings.Repeat("x", 200)} {
		i.hear(bad)
	}
	check(i, "host", hostname(), "engine_id", "AAAA:BBBB")
	if len(changes) != 1 || i.phase() != "AAAA:BBBB" {
		t.Errorf("%d changes, phase by %q; want one, by the engine's identity", len(changes), i.phase())
	}
	i = start("site=harbour,host=edge7")
	check(i, "host", "edge7", "engine_id", "AAAA:BBBB", "site", "harbour")
	i.configure(labels.FromStrings("site", "x", "region", "north", "engine_id", "mine"))
	check(i, "host", "edge7", "engine_id", "mine", "site", "harbour", "region", "north")
	i.configure(labels.FromStrings("site", "y", "region", "north", "engine_id", "mine"))
	if len(changes) != 1 {
		t.Errorf("%d changes, want one: what EXTERNAL_LABELS covers is no change", len(changes))
	}
	check(start("engine_id=,host="))
	i.hear("CCCC:DDDD") // the disk of a host that was cloned
	check(start(""), "host", hostname(), "engine_id", "CCCC:DDDD")

	if err := os.WriteFile(filepath.Join(dir, "data", engineIDFile), []byte("torn \x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	check(start(""), "host", hostname())
}

// TestIdentityChangesInOrder: the engine tells who it is while a configuration is read.
func TestIdentityChangesInOrder(t *testing.T) {
	var mu sync.Mutex
	var inEffect labels.Labels // guarded by mu
	reading, read := make(chan struct{}), make(chan struct{})
	i := newIdentity(settings{dataPath: t.TempDir()}, func(ls labels.Labels) {
		if ls.Get(engineLabel) == "" {
			close(reading)
			<-read
		}
		mu.Lock()
		defer mu.Unlock()
		inEffect = ls
	}, slog.New(slog.DiscardHandler))
	var both sync.WaitGroup
	both.Go(func() { i.configure(labels.FromStrings("site", "harbour")) })
	<-reading
	told := make(chan struct{})
	both.Go(func() {
		defer close(told)
		i.hear("AAAA:BBBB")
	})
	select { // it has to wait, for which there is no sign
	case <-told:
	case <-time.After(50 * time.Millisecond):
	}
	close(read)
	both.Wait()
	if !labels.Equal(inEffect, i.labels()) {
		t.Errorf("in effect %v, want %v", inEffect, i.labels())
	}
}

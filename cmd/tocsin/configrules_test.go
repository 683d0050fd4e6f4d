package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/storage"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRulesOfAFileThatCannotBeRead: what the rules of a configuration file had firing is
// held, and not resolved, where the file is bad or its mount is not there, also after a
// restart; with it good again, rules that are gone are gone.
func TestRulesOfAFileThatCannotBeRead(t *testing.T) {
	const good = "rule_files: ['rules/*.yml']\nglobal: {external_labels: {a: b}}\n"
	const rule = "groups: [{name: g, rules: [{alert: A, expr: up > 0}]}]"
	for name, tt := range map[string]struct {
		spoil    func(dir string) error
		noCopy   bool
		complete bool
	}{
		"good":       {func(string) error { return nil }, false, true},
		"rules gone": {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "conf", "rules")) }, false, true},
		"mount gone": {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "conf")) }, false, false},
		"bad": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "conf", "prometheus.yml"), []byte("x"), 0o600)
		}, false, false},
		"bad without a copy": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "conf", "prometheus.yml"), []byte("x"), 0o600)
		}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "conf", "prometheus.yml"), good)
			writeFile(t, filepath.Join(dir, "conf", "rules", "a.yml"), rule)
			s := settings{configPath: filepath.Join(dir, "conf", "prometheus.yml"), dataPath: filepath.Join(dir, "data")}
			var config *configbook
			var book *rulebook
			start := func() {
				log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
				config, book = newConfigbook(s, log, reg), newRulebook("", false, log, reg)
			}
			load := func() (rules int, complete bool) {
				config.load()
				book.configure(config.ruleConfig(s))
				groups, complete := book.load()
				for _, g := range groups {
					if g.File == filepath.Join(dir, "conf", "rules", "a.yml") {
						rules += len(g.Rules)
					}
				}
				return rules, complete
			}
			start()
			if n, complete := load(); n != 1 || !complete {
				t.Fatalf("at first %d rules, complete %v", n, complete)
			}
			if tt.noCopy {
				if err := os.Remove(filepath.Join(s.dataPath, configCopyFile)); err != nil {
					t.Fatal(err)
				}
			}
			if err := tt.spoil(dir); err != nil {
				t.Fatal(err)
			}
			if n, complete := load(); complete != tt.complete || n != 1 && name != "rules gone" {
				t.Errorf("%d rules run, complete %v, want %v", n, complete, tt.complete)
			}
			start()
			if _, complete := load(); complete != tt.complete {
				t.Errorf("after a restart: complete %v, want %v", complete, tt.complete)
			}
		})
	}
}

// TestOneRuleFileByTwoNames runs once.
func TestOneRuleFileByTwoNames(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rules", "a.yml")
	writeFile(t, path, "groups: [{name: g, rules: [{alert: A, expr: up > 0}]}]")
	if err := os.Symlink("rules", filepath.Join(dir, "also")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	b := newRulebook("rules", false, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	b.configure(ruleConfig{files: []string{path, "./rules/*.yml", "also/a.yml"}})
	if groups, complete := b.load(); len(groups) != 1 || !complete {
		t.Errorf("%d groups, complete %v; want one", len(groups), complete)
	}
}

// TestSlowConfiguration: while a file is read, which may take long, whoever asks for
// what is in effect does not wait.
func TestSlowConfiguration(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "prometheus.yml")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	b := newConfigbook(settings{configPath: path, dataPath: dir}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		b.load()
	}()
	pipe, err := os.OpenFile(path, os.O_WRONLY, 0) // returns when it is being read
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		b.problems()
		b.config()
		b.ruleConfig(settings{})
	}()
	select {
	case <-asked:
	case <-time.After(awaitLimit):
		t.Error("who asks waits for the file")
	}
	if err := pipe.Close(); err != nil {
		t.Fatal(err)
	}
	<-loaded
}

// TestRetentionOfTheFileCountsAtTheStart: what the file keeps longer than the settings do
// is there after the next start.
func TestRetentionOfTheFileCountsAtTheStart(t *testing.T) {
	l, _ := newLife(t)
	dir := t.TempDir()
	opts := storage.Options{Dir: filepath.Join(dir, "data"), RetentionTime: 15 * 24 * time.Hour}
	old := time.Now().Add(-40 * 24 * time.Hour).Truncate(time.Millisecond)
	before := storage.New(storage.Options{Dir: opts.Dir})
	if err := before.Open(); err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{old, time.Now()} {
		app := before.AppenderV2(t.Context())
		if _, err := app.Append(0, labels.FromStrings("__name__", "m"), 0, at.UnixMilli(), 1, nil, nil, promstorage.AOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := app.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if err := before.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "prometheus.yml"), "storage: {tsdb: {retention: {time: 90d, size: 2GB}}}")
	log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	l.settings = settings{configPath: filepath.Join(dir, "prometheus.yml"), dataPath: filepath.Join(dir, "data"), retentionTime: opts.RetentionTime}
	l.config, l.store = newConfigbook(l.settings, log, reg), storage.New(opts)
	l.identity = newIdentity(l.settings, l.relabel, log)
	defer func() {
		if err := l.store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	if !l.open(t.Context()) {
		t.Fatal("not open")
	}
	if got := l.store.Stats().MinTime; !got.Equal(old) {
		t.Errorf("the oldest sample is of %s, want %s", got, old)
	}
}

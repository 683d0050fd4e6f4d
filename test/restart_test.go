package test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// stoppedRules has an alert that outlasts a restart of the engine, whose count of
// stopped containers is 0 until it has loaded them.
const stoppedRules = `groups:
- name: stopped
  rules:
  - alert: ContainerStopped
    expr: engine_daemon_container_states_containers{state="stopped"} > 0
`

// What the storage holds of it: a scraped series and one of Tocsin's own.
const (
	stoppedCount  = `engine_daemon_container_states_containers{state="stopped"}`
	stoppedAlerts = `ALERTS{alertname="ContainerStopped",alertstate="firing"}`
)

// firing is an alert that fires before a restart, and what must be the same after.
type firing struct {
	plugin   *plugin
	am       *alertmanager
	seen     time.Time // when it was firing, and its sample is in the storage
	startsAt time.Time
}

// fireStopped makes ContainerStopped fire, in a plugin with settings beside.
func fireStopped(t *testing.T, e *dockerEngine, settings ...string) *firing {
	t.Helper()
	am := startAlertmanager(t)
	p := alertingPlugin(t, e, writeRules(t, "stopped.yml", stoppedRules), am, settings...)
	e.container(t, nil, "true")
	f := &firing{plugin: p, am: am}
	f.startsAt = am.received(t, 10*time.Second, "ContainerStopped").StartsAt
	eventually(t, 10*time.Second, "the alert is recorded", func() error {
		f.seen = time.Now()
		_, err := p.value(stoppedAlerts, f.seen)
		return err
	})
	return f
}

// survived waits until the alert was sent again after a restart, and checks that
// the restart has lost and changed nothing.
func (f *firing) survived(t *testing.T) {
	t.Helper()
	got := f.am.refreshed(t, "ContainerStopped", time.Now())
	if !got.StartsAt.Equal(f.startsAt) {
		t.Errorf("startsAt %s, want %s", got.StartsAt, f.startsAt)
	}
	if err := f.unresolved(); err != nil {
		t.Error(err)
	}
	if n := f.am.webhook.count("firing", "ContainerStopped"); n != 1 {
		t.Errorf("%d notifications, want the first one only", n)
	}
	if err := f.plugin.healthy("ContainerStopped"); err != nil {
		t.Error(err)
	}
	for _, expr := range []string{stoppedCount, stoppedAlerts} {
		if v, err := f.plugin.value(expr, f.seen); err != nil || v != 1 {
			t.Errorf("%s at %s: got %v, %v; want 1", expr, f.seen, v, err)
		}
	}
}

// unresolved returns an error if Alertmanager's receiver was told that the alert
// has ended.
func (f *firing) unresolved() error {
	if f.am.webhook.count("resolved", "ContainerStopped") > 0 {
		return fmt.Errorf("resolved: %+v", f.am.webhook.all())
	}
	return nil
}

var blockName = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{26}$`)

// compacted returns an error unless the head stands in a block and the
// write-ahead log is cut: the next start replays next to nothing.
func compacted(p *plugin) error {
	tsdb := filepath.Join(p.data(), "tsdb")
	entries, err := os.ReadDir(tsdb)
	if err != nil {
		return err
	}
	blocks := 0
	for _, entry := range entries {
		if !blockName.MatchString(entry.Name()) {
			continue
		}
		if _, err := os.Stat(filepath.Join(tsdb, entry.Name(), "meta.json")); err != nil {
			return err
		}
		blocks++
	}
	if blocks == 0 {
		return fmt.Errorf("no block in %s: %v", tsdb, entries)
	}
	var size int64
	err = filepath.WalkDir(filepath.Join(tsdb, "wal"), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	// A page of the log is 32 KiB; one scrape of an engine takes more than that.
	if size > 32<<10 {
		return fmt.Errorf("write-ahead log of %d bytes after %d blocks", size, blocks)
	}
	return nil
}

func TestPluginDisableAndEnable(t *testing.T) {
	f := fireStopped(t, sharedEngine(t))
	f.plugin.disable(t)
	if err := compacted(f.plugin); err != nil {
		t.Error(err)
	}
	if took := f.plugin.enable(t); took >= enableLimit {
		t.Errorf("enable took %s, want less than %s", took, enableLimit)
	}
	f.survived(t)
}

func TestEngineRestart(t *testing.T) {
	e := ownEngine(t, "{}")
	f := fireStopped(t, e)
	if err := e.stop(); err != nil {
		t.Fatal(err)
	}
	// The engine calls StopMetrics and then ends the plugin: paused before stopping,
	// which a plugin that only got the signal logs the other way round.
	f.plugin.logged(t, `msg=paused(?s:.*)msg=stopping`)
	if err := compacted(f.plugin); err != nil {
		t.Error(err)
	}
	if err := e.start(); err != nil {
		t.Fatal(err)
	}
	f.survived(t)
}

// With live-restore the plugin's process outlasts the engine's: the pause can be
// watched, and the socket that the next engine serves is a new one. No container runs,
// which the engine then ends in another way; TestRestarts has some.
func TestLiveRestore(t *testing.T) {
	e := ownEngine(t, `{"live-restore": true}`)
	// The last will lasts for less than the pause: it is to be refreshed.
	f := fireStopped(t, e, "RESEND_DELAY=2s", "PAUSE_HOLD=6s")
	if err := e.stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "the pause has compacted", func() error { return compacted(f.plugin) })
	last, err := f.plugin.lastEvaluation()
	if err != nil {
		t.Fatal(err)
	}
	stays(t, 10*time.Second, "evaluation is paused", func() error {
		at, err := f.plugin.lastEvaluation()
		if err == nil && !at.Equal(last) {
			err = fmt.Errorf("evaluated at %s, after %s", at, last)
		}
		return errors.Join(err, f.unresolved())
	})
	if _, err := f.plugin.alert("ContainerStopped"); err != nil {
		t.Errorf("in the pause: %v", err)
	}
	if err := e.start(); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	eventually(t, 20*time.Second, "evaluation goes on", func() error {
		at, err := f.plugin.lastEvaluation()
		if err == nil && !at.After(last) {
			err = fmt.Errorf("last evaluated at %s", at)
		}
		return err
	})
	eventually(t, backLimit, "scraping goes on", func() error {
		at, err := f.plugin.scrapedAt()
		if err == nil && !at.After(started) {
			err = fmt.Errorf("last scraped at %s, the engine is there since %s", at, started)
		}
		return err
	})
	f.survived(t)
}

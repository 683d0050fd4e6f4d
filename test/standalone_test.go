package test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tocsin/tocsin/test/internal/process"
)

// run starts "tocsin run" on a data directory, with short intervals.
func run(t *testing.T, data string, args ...string) (*process.Process, page) {
	t.Helper()
	address := freeAddress(t)
	args = append([]string{
		"run", "--storage.path=" + data, "--web.listen-address=" + address,
		"--scrape.interval=1s", "--evaluation.interval=1s", "--alert.self=off",
	}, args...)
	return tocsin(t, args...), page{base: "http://" + address}
}

const builtRules = `groups:
- name: target
  rules:
  - alert: AlertmanagerBuilt
    expr: alertmanager_build_info == 1
    annotations: {summary: 'version {{ $labels.version }}'}
`

func TestStandaloneScrapesOverHTTP(t *testing.T) {
	am := startAlertmanager(t)
	_, page := run(t, t.TempDir(), "--scrape.url="+am.url+"/metrics", "--alertmanager.url="+am.url,
		"--rules.path="+filepath.Join(writeRules(t, "built.yml", builtRules), "*.yml"))
	got := am.received(t, 20*time.Second, "AlertmanagerBuilt")
	if want := "version " + got.Labels["version"]; got.Annotations["summary"] != want || got.Labels["version"] == "" {
		t.Errorf("summary %q, want %q", got.Annotations["summary"], want)
	}
	if err := page.healthy("AlertmanagerBuilt"); err != nil {
		t.Error(err)
	}
}

func TestStandaloneScrapesUnixSocket(t *testing.T) {
	_, page := run(t, t.TempDir(), "--scrape.url=unix://"+sharedEngine(t).metricsSocket())
	eventually(t, 20*time.Second, "the engine's metrics are stored", func() error {
		v, err := page.value("engine_daemon_engine_info", time.Now())
		if err == nil && v != 1 {
			err = fmt.Errorf("engine_daemon_engine_info = %v", v)
		}
		return err
	})
}

// With no URL given it finds something to scrape: itself, if nothing else.
func TestStandaloneNeedsNoTarget(t *testing.T) {
	needs(t)
	_, page := run(t, t.TempDir())
	eventually(t, 20*time.Second, "something is scraped", func() error {
		v, err := page.value("up", time.Now())
		if err == nil && v != 1 {
			err = fmt.Errorf("up = %v", v)
		}
		return err
	})
}

func TestSecondProcessIsRefused(t *testing.T) {
	needs(t)
	data := t.TempDir()
	first, page := run(t, data)
	eventually(t, 20*time.Second, "the first one is ready", func() error {
		_, err := page.get("/-/ready")
		return err
	})
	second, _ := run(t, data)
	select {
	case <-second.Done:
	case <-time.After(20 * time.Second):
		t.Fatal("the second process runs")
	}
	if code := second.Cmd.ProcessState.ExitCode(); code <= 0 {
		t.Errorf("exit code %d", code)
	}
	pid := fmt.Sprint(first.Cmd.Process.Pid)
	if out := second.Output(); !strings.Contains(out, data) || !strings.Contains(out, pid) {
		t.Errorf("want the directory and the pid %s in the output:\n%s", pid, out)
	}
	if _, err := page.get("/-/ready"); err != nil || !first.Running() {
		t.Errorf("the first process suffers: running %t, %v", first.Running(), err)
	}
}

func TestStandaloneRefusesBadSettings(t *testing.T) {
	needs(t)
	cmd := exec.Command(filepath.Join(root, "bin", "tocsin"), "run", "--scrape.interval=abc")
	cmd.Dir = t.TempDir()
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
	for _, want := range []string{"scrape.interval", "abc", "15s"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in the output:\n%s", want, out)
		}
	}
}

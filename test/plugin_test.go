package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tocsin/tocsin/test/internal/process"
)

// enableLimit is what the Docker engine's user may have to wait for an enable.
const enableLimit = 3 * time.Second

// plugins counts the plugins of this run: each has a name and a content of its own.
var plugins atomic.Int64

// plugin is Tocsin installed on an engine.
type plugin struct {
	page
	engine *dockerEngine
	name   string
	id     string
}

// installPlugin creates the plugin from what "make plugin" left, disabled, with
// intervals that suit a test and no rules but the test's. The test's end removes
// it.
func installPlugin(t *testing.T, e *dockerEngine) *plugin {
	t.Helper()
	n := plugins.Add(1)
	dir := filepath.Join(t.TempDir(), "plugin")
	if out, err := exec.Command("cp", "-a", filepath.Join(root, "build", "plugin"), dir).CombinedOutput(); err != nil {
		t.Fatalf("copy plugin: %v: %s", err, out)
	}
	// An engine refuses a second plugin with the same content; times are content.
	if err := os.Chtimes(filepath.Join(dir, "rootfs", "tmp"), time.Time{}, time.Unix(n, 0)); err != nil {
		t.Fatal(err)
	}
	return createPlugin(t, e, fmt.Sprintf("tocsin-%d", n), dir)
}

// createPlugin creates a plugin from a directory.
func createPlugin(t *testing.T, e *dockerEngine, name, dir string) *plugin {
	t.Helper()
	e.mustDocker(t, "plugin", "create", name, dir)
	address := freeAddress(t)
	p := &plugin{page: page{base: "http://" + address}, engine: e, name: name}
	t.Cleanup(func() {
		if t.Failed() {
			p.describe(t)
		}
		e.cleanUp(t, "plugin", "rm", "--force", name)
	})
	p.id = e.mustDocker(t, "plugin", "inspect", "--format", "{{.Id}}", name)
	p.set(t, "LISTEN_ADDRESS="+address, "SCRAPE_INTERVAL=1s", "EVALUATION_INTERVAL=1s", "SELF_ALERTS=off")
	return p
}

func (p *plugin) set(t *testing.T, settings ...string) {
	t.Helper()
	p.engine.mustDocker(t, append([]string{"plugin", "set", p.name}, settings...)...)
}

// enable enables the plugin and says how long its user waited.
func (p *plugin) enable(t *testing.T) time.Duration {
	t.Helper()
	start := time.Now()
	p.engine.mustDocker(t, "plugin", "enable", p.name)
	return time.Since(start)
}

func (p *plugin) disable(t *testing.T) {
	t.Helper()
	p.engine.mustDocker(t, "plugin", "disable", p.name)
}

// signal sends a signal that ends the plugin's process, and waits until it is gone.
func (p *plugin) signal(sig syscall.Signal) error {
	pid, err := p.pid()
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, sig); err != nil {
		return err
	}
	return poll(15*time.Second, func() error {
		if now, err := p.pid(); err == nil && now == pid {
			return fmt.Errorf("process %d is still there", pid)
		}
		return nil
	})
}

// pid finds the plugin's process by the control group that the engine gave it, which
// bears the plugin's id.
func (p *plugin) pid() (int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		groups, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cgroup"))
		if err != nil || !strings.Contains(string(groups), p.id) {
			continue
		}
		program, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err == nil && strings.HasPrefix(string(program), "/usr/bin/tocsin\x00") {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("no process of the plugin %s", p.id)
}

// enabled is the engine's view of the plugin.
func (p *plugin) enabled(t *testing.T) bool {
	t.Helper()
	return p.engine.mustDocker(t, "plugin", "inspect", "--format", "{{.Enabled}}", p.name) == "true"
}

// data is where the plugin's /data is on the host.
func (p *plugin) data() string {
	return p.engine.path("data/plugins/" + p.id + "/propagated-mount")
}

var logRecord = regexp.MustCompile(`(?m)^time="[^"]*" level=(\w+) msg=("(?:[^"\\]|\\.)*"|\S*) plugin=(\w+)$`)

var engineTrouble = regexp.MustCompile(`(?m)^time="[^"]*" level=(?:warning|error|fatal) .*$`)

// log is what the plugin has written, as the engine logged it: a line each, with
// the engine's level in front.
func (p *plugin) log() string {
	var b strings.Builder
	for _, m := range logRecord.FindAllStringSubmatch(p.engine.log(), -1) {
		if m[3] != p.id {
			continue
		}
		text, err := strconv.Unquote(m[2])
		if err != nil {
			text = m[2]
		}
		fmt.Fprintf(&b, "%s: %s\n", m[1], text)
	}
	return b.String()
}

// logged waits until a line of the plugin's log matches.
func (p *plugin) logged(t *testing.T, pattern string) {
	t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	eventually(t, 10*time.Second, "log "+pattern, func() error {
		if text := p.log(); !re.MatchString(text) {
			return fmt.Errorf("not in the plugin's %d lines", strings.Count(text, "\n"))
		}
		return nil
	})
}

// describe shows what a failed test needs.
func (p *plugin) describe(t *testing.T) {
	t.Logf("log of %s:\n%s", p.name, process.Tail(p.log()))
	for _, path := range []string{"/", "/api/v1/alerts"} {
		body, err := p.get(path)
		t.Logf("%s of %s (error: %v):\n%s", path, p.name, err, process.Tail(body))
	}
	// The engine's own troubles; its plain information is long and says little.
	t.Logf("log of the engine:\n%s", process.Tail(strings.Join(engineTrouble.FindAllString(logRecord.ReplaceAllString(p.engine.log(), ""), -1), "\n")))
}

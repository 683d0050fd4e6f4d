package test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tocsin/tocsin/test/internal/process"
)

const (
	engineStart = 30 * time.Second
	// engineStop is above the engine's own limit: 15 s, or the longest time that a
	// container has to stop plus 5 s.
	engineStop = 40 * time.Second
)

// dockerEngine is a Docker engine with all that it owns in one directory.
type dockerEngine struct {
	dir     string
	enter   []string // the command that enters the engine's network namespace
	process *process.Process
}

// startEngine starts an engine on a new directory, in the network namespace that a
// command enters, and gives it the busybox image.
func startEngine(config string, enter ...string) (*dockerEngine, error) {
	// t.TempDir's paths are too long for the sockets below it.
	dir, err := os.MkdirTemp("", "tocsin-e2e-")
	if err != nil {
		return nil, err
	}
	e := &dockerEngine{dir: dir, enter: enter}
	if err = e.configure(config); err == nil {
		err = e.start()
	}
	if err == nil {
		err = e.importBusybox()
	}
	if err != nil {
		err = fmt.Errorf("start engine: %w\n%s", err, process.Tail(e.log()))
		e.remove()
		return nil, err
	}
	return e, nil
}

// configure writes the engine's daemon.json, for its next start.
func (e *dockerEngine) configure(config string) error {
	return os.WriteFile(e.path("daemon.json"), []byte(config), 0o644)
}

// start starts the engine on its directory, and waits until it answers.
func (e *dockerEngine) start() error {
	dockerd, err := command("dockerd")
	if err != nil {
		return err
	}
	name := filepath.Base(e.dir)
	args := append(slices.Clone(e.enter), dockerd,
		"--data-root", e.path("data"), "--exec-root", e.path("exec"),
		"--host", e.host(), "--pidfile", e.path("docker.pid"), "--config-file", e.path("daemon.json"),
		// A containerd of the machine's own, where one runs, is shared: keep apart.
		"--containerd-namespace", name, "--containerd-plugins-namespace", name+"-plugins",
		// The tests need no networks, and the machine's firewall is not theirs.
		"--bridge", "none", "--iptables=false", "--ip-masq=false")
	if e.process, err = process.Start(e.path("dockerd.log"), exec.Command(args[0], args[1:]...)); err != nil {
		return err
	}
	return poll(engineStart, func() error {
		_, err := e.docker("version")
		return err
	})
}

// stop stops the engine as its service manager would.
func (e *dockerEngine) stop() error {
	if e.process == nil {
		return nil
	}
	return e.process.Stop(engineStop)
}

// kill ends the engine as the kernel would. Its containers and plugins live on; its
// containerd dies with it, and is waited for: an engine that is started before takes
// that for its own, and is half a minute about finding out.
func (e *dockerEngine) kill() error {
	text, err := os.ReadFile(e.path("exec/containerd/containerd.pid"))
	if err := errors.Join(e.process.Kill(), ignoreMissing(err)); err != nil || len(text) == 0 {
		return err // the machine's own containerd lives on
	}
	return poll(10*time.Second, func() error {
		if _, err := os.Stat(filepath.Join("/proc", strings.TrimSpace(string(text)))); err == nil {
			return errors.New("the engine's containerd is still there")
		}
		return nil
	})
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// remove stops the engine and removes its directory. An engine may leave mounts
// behind, a self bind mount of its data-root among them.
func (e *dockerEngine) remove() {
	if err := e.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop engine:", err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		fmt.Fprintln(os.Stderr, "read mounts:", err)
	}
	var points []string
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], e.dir+"/") {
			points = append(points, f[1])
		}
	}
	sort.Sort(sort.Reverse(sort.StringSlice(points))) // inner ones first
	for _, point := range points {
		if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil {
			fmt.Fprintf(os.Stderr, "umount %s: %v\n", point, err)
		}
	}
	if err := os.RemoveAll(e.dir); err != nil {
		fmt.Fprintln(os.Stderr, "remove engine:", err)
	}
}

func (e *dockerEngine) path(name string) string { return filepath.Join(e.dir, name) }
func (e *dockerEngine) host() string            { return "unix://" + e.path("docker.sock") }

// log is all that the engine and its plugins have logged.
func (e *dockerEngine) log() string {
	text, err := os.ReadFile(e.path("dockerd.log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// environ is the environment in which docker talks to this engine: the user's
// contexts do not matter, and the classic builder is what every engine has.
func (e *dockerEngine) environ() []string {
	return append(os.Environ(), "DOCKER_HOST="+e.host(), "DOCKER_CONTEXT=", "DOCKER_CONFIG="+e.path("client"), "DOCKER_BUILDKIT=0")
}

// docker runs the command line client and returns what it prints.
func (e *dockerEngine) docker(args ...string) (string, error) {
	cmd := exec.Command("docker", args...)
	cmd.Env = e.environ()
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return text, fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, text)
	}
	return text, nil
}

// id is what the engine calls itself.
func (e *dockerEngine) id(t *testing.T) string {
	t.Helper()
	return e.mustDocker(t, "info", "--format", "{{.ID}}")
}

// mustDocker is docker for commands that a test takes for granted.
func (e *dockerEngine) mustDocker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := e.docker(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// cleanUp is docker for the end of a test, which may have left the engine stopped:
// with live-restore plugins and containers outlast it, and only an engine ends them.
func (e *dockerEngine) cleanUp(t *testing.T, args ...string) {
	if !e.process.Running() {
		if err := e.start(); err != nil {
			t.Error(err)
			return
		}
	}
	if _, err := e.docker(args...); err != nil {
		t.Error(err)
	}
}

// metricsSocket is where the engine serves its metrics on the host, for the
// plugins that it mounts it into.
func (e *dockerEngine) metricsSocket() string { return e.path("exec/metrics.sock") }

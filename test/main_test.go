// Package test runs Tocsin from end to end, with real parts only: a Docker
// engine, an Alertmanager and containers of its own, and the plugin as
// "make plugin" leaves it. Each engine lives in a temporary directory and is
// stopped by its pid, so that whatever else runs on the machine is left alone.
//
// The tests need root and what test/install-deps installs. Where something is
// missing they are skipped, or fail if CI=true.
package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// root is the directory of the module.
var root = func() string {
	dir, err := filepath.Abs("..")
	if err != nil {
		panic(err)
	}
	return dir
}()

// built makes the plugin's directory and the binary once, with the Makefile: the
// tests are never about a stale build.
var built = sync.OnceValue(func() error {
	cmd := exec.Command("make", "plugin")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make plugin: %w\n%s", err, out)
	}
	return nil
})

// shared is the engine of all tests that do not stop theirs. Plugins and
// containers of a test are gone when it ends.
var shared struct {
	once   sync.Once
	engine *dockerEngine
	err    error
}

func TestMain(m *testing.M) {
	defer func() {
		if shared.engine != nil {
			shared.engine.remove()
		}
	}()
	m.Run()
}

// needs builds the project and checks that the machine has the given commands.
func needs(t *testing.T, commands ...string) {
	t.Helper()
	missing := func(format string, args ...any) {
		t.Helper()
		if os.Getenv("CI") == "true" {
			t.Fatalf(format, args...)
		}
		t.Skipf(format, args...)
	}
	for _, name := range commands {
		if _, err := command(name); err != nil {
			missing("%s is missing: test/install-deps installs it", name)
		}
		if name == "dockerd" && os.Getuid() != 0 {
			missing("a Docker engine needs root")
		}
	}
	if err := built(); err != nil {
		t.Fatal(err)
	}
}

// command finds a program in PATH or where Debian puts daemons, which is not in
// the PATH of everyone.
func command(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", err
}

// sharedEngine is the engine that the tests share, with the busybox image.
func sharedEngine(t *testing.T) *dockerEngine {
	t.Helper()
	needs(t, "dockerd", "docker", "busybox")
	shared.once.Do(func() { shared.engine, shared.err = startEngine("{}") })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.engine
}

// ownEngine is an engine for one test, with the given daemon.json.
func ownEngine(t *testing.T, config string) *dockerEngine {
	t.Helper()
	needs(t, "dockerd", "docker", "busybox")
	e, err := startEngine(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.remove)
	return e
}

// Package cluster has a real tocsin send to a real cluster of three
// Alertmanagers, whose members and network the tests break. What people are
// notified of is recorded behind all three, and compared with what there was, and
// with what the same cluster makes of the same incidents when it hears of them as
// Prometheus tells them.
//
// Each test has network namespaces of its own. They have no names: the kernel
// removes them, and all links in them, with the last process that is in them.
//
// The tests need root and what test/install-deps installs. Where something is
// missing they are skipped, or fail if CI=true.
package cluster

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// root is the directory of the module.
var root = filepath.Join("..", "..")

// scratch is the directory of what all tests share.
var scratch string

func TestMain(m *testing.M) {
	flag.Parse()
	// What runs side by side here mostly waits.
	if err := flag.Set("test.parallel", "11"); err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "tocsin-cluster-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	scratch = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// binary builds tocsin once, so that no test is about a stale build.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "tocsin")
	cmd := exec.Command("scripts/build", path)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build tocsin: %w\n%s", err, out)
	}
	return path, nil
})

// needs checks that the machine has root and the given commands.
func needs(t *testing.T, commands ...string) {
	t.Helper()
	missing := func(format string, args ...any) {
		t.Helper()
		if os.Getenv("CI") == "true" {
			t.Fatalf(format, args...)
		}
		t.Skipf(format, args...)
	}
	if os.Getuid() != 0 {
		missing("network namespaces need root")
	}
	for _, name := range commands {
		if _, err := exec.LookPath(name); err != nil {
			missing("%s is missing: test/install-deps installs it", name)
		}
	}
}

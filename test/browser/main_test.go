// Package browser looks at the pages as people do: Debian's Chromium, driven over
// its own protocol, in front of a real tocsin with a target whose alerts begin and
// end on command, and a real Alertmanager.
//
// A page may ask no other host for anything, log no error and break no content
// security policy: each tab of a test records that, and fails the test. The tests
// need what test/install-deps installs. Where that is missing they are skipped, or
// fail if CI=true.
package browser

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
	dir, err := os.MkdirTemp("", "tocsin-browser-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	scratch = dir
	flag.Parse()
	// What runs side by side here mostly waits.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	code := m.Run()
	closeDemo()
	closeChromium()
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

// missing skips a test that lacks something, or fails it where nothing may lack.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: test/install-deps installs it", what)
	}
	t.Skipf("%s is missing: test/install-deps installs it", what)
}

// needs checks that the machine has the given commands.
func needs(t *testing.T, commands ...string) {
	t.Helper()
	for _, name := range commands {
		if _, err := exec.LookPath(name); err != nil {
			missing(t, name)
		}
	}
}

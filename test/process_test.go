package test

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tocsin/tocsin/test/internal/process"
)

// How these tests wait.
var (
	poll       = process.Poll
	eventually = process.Eventually
	stays      = process.Stays
)

// freeAddress is a loopback address that nothing listens on yet.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// tocsin starts the binary standalone; the test's end stops it.
func tocsin(t *testing.T, args ...string) *process.Process {
	t.Helper()
	cmd := exec.Command(filepath.Join(root, "bin", "tocsin"), args...)
	cmd.Dir = t.TempDir()
	p, err := process.Start(filepath.Join(t.TempDir(), "tocsin.log"), cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(15 * time.Second); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("output of tocsin %q:\n%s", args, process.Tail(p.Output()))
		}
	})
	return p
}

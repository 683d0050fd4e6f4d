package test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tocsin/tocsin/test/internal/process"
)

// startRegistry is Debian's docker-registry at an address, until the test ends.
func startRegistry(t *testing.T, address string) {
	t.Helper()
	needs(t, "docker-registry")
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	writeFile(t, config, fmt.Sprintf("version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: %q}\n", filepath.Join(dir, "data"), address))
	p, err := process.Start(filepath.Join(dir, "registry.log"), exec.Command("docker-registry", "serve", config))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(10 * time.Second); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log of the registry:\n%s", process.Tail(p.Output()))
		}
	})
	eventually(t, 10*time.Second, "the registry answers", func() error {
		_, err := get("http://" + address + "/v2/")
		return err
	})
}

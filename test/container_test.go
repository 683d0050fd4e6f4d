package test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

const busyboxImage = "busybox"

// importBusybox makes an image of the machine's static busybox: no registry is
// asked.
func (e *dockerEngine) importBusybox() error {
	path, err := command("busybox")
	if err != nil {
		return err
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	err = w.WriteHeader(&tar.Header{Name: "bin/busybox", Mode: 0o755, Size: int64(len(program))})
	if err == nil {
		_, err = w.Write(program)
	}
	for _, applet := range []string{"sh", "sleep", "true"} {
		if err == nil {
			err = w.WriteHeader(&tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeSymlink, Linkname: "busybox"})
		}
	}
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	cmd := exec.Command("docker", "import", "-", busyboxImage)
	cmd.Env, cmd.Stdin = e.environ(), &archive
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("import busybox: %w: %s", err, out)
	}
	return nil
}

// containers counts the containers of this run: each has a name of its own.
var containers atomic.Int64

// container starts a container that the test's end removes, and returns its name.
func (e *dockerEngine) container(t *testing.T, options []string, command ...string) string {
	t.Helper()
	name := fmt.Sprintf("c-%d-%s", containers.Add(1), strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name())))
	args := append([]string{"run", "--detach", "--network", "none", "--name", name,
		// A shell as process 1 ignores SIGTERM, and the engine would wait for it.
		"--stop-signal", "KILL"}, options...)
	e.mustDocker(t, append(append(args, busyboxImage), command...)...)
	t.Cleanup(func() {
		// A frozen process does not die of a signal, and the engine waits 10 s for it.
		_, _ = e.docker("unpause", name)
		e.cleanUp(t, "rm", "--force", name)
	})
	return name
}

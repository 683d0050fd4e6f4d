package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// process is a program that a test has started, with its output in a file. It is
// signalled by its pid, never by its name.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when the program has ended
}

// startProcess runs a command; its output is appended to the file at log.
func startProcess(log string, cmd *exec.Cmd) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	// A test binary that is killed or runs into its time limit runs no cleanup.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the result is in cmd.ProcessState
		close(p.done)
	}()
	return p, nil
}

// running reports whether the program has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop sends SIGTERM and, to a program that is still there after grace, SIGKILL.
func (p *process) stop(grace time.Duration) error {
	if !p.running() {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(grace):
	}
	err := p.cmd.Process.Kill()
	<-p.done
	if err != nil {
		return err
	}
	return fmt.Errorf("%s took longer than %s to stop", p.cmd.Path, grace)
}

// kill ends the program with SIGKILL, and waits until it is gone.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	<-p.done
	return err
}

// output is all that the program has written so far.
func (p *process) output() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// tail is the end of a long text, for messages of failed tests.
func tail(text string) string {
	const most = 8 << 10
	if len(text) <= most {
		return text
	}
	return "…" + text[len(text)-most:]
}

// tocsin starts the binary standalone; the test's end stops it.
func tocsin(t *testing.T, args ...string) *process {
	t.Helper()
	cmd := exec.Command(filepath.Join(root, "bin", "tocsin"), args...)
	cmd.Dir = t.TempDir()
	p, err := startProcess(filepath.Join(t.TempDir(), "tocsin.log"), cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.stop(15 * time.Second); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("output of tocsin %q:\n%s", args, tail(p.output()))
		}
	})
	return p
}

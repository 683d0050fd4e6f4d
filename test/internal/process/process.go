// Package process starts the real programs of the end-to-end tests, and waits for
// what they do. It is for tests alone.
package process

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Process is a program that a test has started, with its output in a file. It is
// signalled by its pid, never by its name.
type Process struct {
	Cmd  *exec.Cmd
	Done chan struct{} // closed when the program has ended; Cmd.ProcessState has the result then
	log  string
}

// Start runs a command; its output is appended to the file at log.
func Start(log string, cmd *exec.Cmd) (*Process, error) {
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
	p := &Process{Cmd: cmd, Done: make(chan struct{}), log: log}
	go func() {
		_ = cmd.Wait() // the result is in cmd.ProcessState
		close(p.Done)
	}()
	return p, nil
}

// Running reports whether the program has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.Done:
		return false
	default:
		return true
	}
}

// Stop sends SIGTERM and, to a program that is still there after grace, SIGKILL,
// which is an error. A program that has ended is no error.
func (p *Process) Stop(grace time.Duration) error {
	if !p.Running() {
		return nil
	}
	if err := p.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.Done:
		return nil
	case <-time.After(grace):
	}
	if err := p.Kill(); err != nil {
		return err
	}
	return fmt.Errorf("%s took longer than %s to stop", p.Cmd.Path, grace)
}

// Kill ends the program with SIGKILL, and waits until it is gone.
func (p *Process) Kill() error {
	err := p.Cmd.Process.Kill()
	<-p.Done
	return err
}

// Output is all that the program has written so far.
func (p *Process) Output() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Tail is the end of a long text, for messages of failed tests.
func Tail(text string) string {
	const most = 8 << 10
	if len(text) <= most {
		return text
	}
	return "…" + text[len(text)-most:]
}

// FreeAddress is a loopback address that nothing listens on yet.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

package browser

import (
	"fmt"
	"net"
	"os"
	"os/exec"
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

// stop sends SIGTERM and, to a program that is still there after grace, SIGKILL.
func (p *process) stop(grace time.Duration) error {
	select {
	case <-p.done:
		return nil
	default:
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

// output is the end of what the program has written so far.
func (p *process) output() string {
	const most = 8 << 10
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// freeAddress is a loopback address that nothing listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

const pollEvery = 50 * time.Millisecond

// patience is for a condition that takes a few scrapes to come true.
const patience = 30 * time.Second

// poll calls check until it returns nil or the time is over, and returns its last
// error.
func poll(within time.Duration, check func() error) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	deadline := time.After(within)
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("not within %s: %w", within, err)
		}
	}
}

// eventually waits until check returns nil, and fails the test if it never does.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	if err := poll(patience, check); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

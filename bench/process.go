package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// stopGrace is how long a process has from SIGTERM to SIGKILL.
const stopGrace = 30 * time.Second

// process is a program that the bench has started. It is signalled by its pid,
// never by its name.
type process struct {
	cmd    *exec.Cmd
	output *tail
	done   chan struct{} // closed when the program has ended
}

// startProcess runs a program in the directory dir. Its output goes through a
// pipe: in a file it would count as written by the program.
func startProcess(dir string, command []string) (*process, error) {
	cmd := exec.Command(command[0], command[1:]...)
	output := &tail{}
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, output, output
	// A bench that is killed runs no cleanup.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", command[0], err)
	}
	p := &process{cmd: cmd, output: output, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the result is in cmd.ProcessState
		close(p.done)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// alive fails if the program has ended, with the end of its output.
func (p *process) alive() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended: %s: %s", filepath.Base(p.cmd.Path), p.cmd.ProcessState, p.output)
	default:
		return nil
	}
}

// stop sends SIGTERM and, to a program that is still there after stopGrace, SIGKILL.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return p.kill()
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopGrace):
		return errors.Join(fmt.Errorf("%s took longer than %s to stop", filepath.Base(p.cmd.Path), stopGrace), p.kill())
	}
}

// reload sends SIGHUP, upon which all contestants read their files again.
func (p *process) reload() error {
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return fmt.Errorf("reload %s: %w", filepath.Base(p.cmd.Path), err)
	}
	return nil
}

// kill sends SIGKILL and waits for the end.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	<-p.done
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write keeps the end.
func (t *tail) Write(p []byte) (int, error) {
	const most = 2 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-most):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// freeAddress is a loopback address that nothing listens on yet.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// pause waits until d has passed or ctx is done. It paces the load and the time
// in which something is measured; nothing relies on what happens meanwhile.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// How often something is looked at: often where the moment itself is measured,
// seldom where looking costs those who are measured.
const (
	often  = 20 * time.Millisecond
	seldom = 200 * time.Millisecond
)

// poll calls check until it returns nil or the time is over, and returns its
// last error.
func poll(ctx context.Context, every, within time.Duration, check func() error) error {
	deadline := time.Now().Add(within)
	for {
		err := check()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %s: %w", within, err)
		}
		if perr := pause(ctx, every); perr != nil {
			return errors.Join(perr, err)
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

const (
	// alertmanagerProgram is Debian's.
	alertmanagerProgram = "prometheus-alertmanager"
	// alertmanagerConfig groups as examples/alertmanager.yml does, and notifies nobody:
	// what notifications cost is a matter of who receives them.
	alertmanagerConfig = "route: {receiver: nobody, group_by: [host, severity]}\nreceivers: [{name: nobody}]\n"
	// startLimit is how long an Alertmanager may take to start.
	startLimit = time.Minute
)

// usage is what an Alertmanager has used.
type usage struct {
	cpu       time.Duration
	rss, peak int64 // bytes
}

// cluster is Alertmanagers on loopback, which gossip where they are several.
type cluster struct {
	members []*member
}

// member is one Alertmanager.
type member struct {
	address string
	command []string
	process *exec.Cmd
}

// startCluster starts n of them, with their files in dir.
func startCluster(ctx context.Context, dir string, n int) (*cluster, error) {
	path, err := exec.LookPath(alertmanagerProgram)
	if err != nil {
		return nil, fmt.Errorf("%w: bench/install-deps installs it", err)
	}
	addresses, err := freeAddresses(2 * n)
	if err != nil {
		return nil, err
	}
	c := &cluster{}
	for i := range n {
		own := filepath.Join(dir, fmt.Sprint(i))
		if err := os.MkdirAll(own, 0o755); err != nil {
			return nil, fmt.Errorf("make directory: %w", err)
		}
		config := filepath.Join(own, "alertmanager.yml")
		if err := os.WriteFile(config, []byte(alertmanagerConfig), 0o644); err != nil {
			return nil, fmt.Errorf("write configuration: %w", err)
		}
		m := &member{address: addresses[i], command: []string{
			path, "--config.file=" + config, "--storage.path=" + own, "--web.listen-address=" + addresses[i], "--log.level=error",
		}}
		gossip := "--cluster.listen-address="
		if n > 1 {
			gossip += addresses[n+i]
		}
		m.command = append(m.command, gossip)
		for j := range n {
			if j != i {
				m.command = append(m.command, "--cluster.peer="+addresses[n+j])
			}
		}
		c.members = append(c.members, m)
	}
	return c, c.comeBack(ctx)
}

// freeAddresses are as many that nobody listens on.
func freeAddresses(n int) ([]string, error) {
	var out []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a port: %w", err)
		}
		defer l.Close() // not before all are found, or two would be the same
		out = append(out, l.Addr().String())
	}
	return out, nil
}

func (c *cluster) urls() []string {
	var us []string
	for _, m := range c.members {
		us = append(us, "http://"+m.address)
	}
	return us
}

// leave kills them all.
func (c *cluster) leave() error {
	var errs []error
	for _, m := range c.members {
		if m.process == nil {
			continue
		}
		errs = append(errs, m.process.Process.Kill())
		_ = m.process.Wait() // it was killed
		m.process = nil
	}
	return errors.Join(errs...)
}

func (c *cluster) close() error { return c.leave() }

// comeBack starts them all, and returns when all answer.
func (c *cluster) comeBack(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for _, m := range c.members {
		cmd := exec.Command(m.command[0], m.command[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // a fleet that is killed runs no cleanup
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("start Alertmanager: %w", err)
		}
		m.process = cmd
	}
	for _, m := range c.members {
		for !m.ready(ctx) {
			if err := sleep(ctx, 20*time.Millisecond); err != nil {
				return fmt.Errorf("Alertmanager at %s does not answer: %w", m.address, err)
			}
		}
	}
	return nil
}

func (m *member) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.address+"/-/ready", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

func (c *cluster) usage() ([]usage, error) {
	var us []usage
	for _, m := range c.members {
		if m.process == nil {
			continue
		}
		proc, err := procfs.NewProc(m.process.Process.Pid)
		if err != nil {
			return nil, fmt.Errorf("read usage: %w", err)
		}
		stat, err := proc.Stat()
		if err != nil {
			return nil, fmt.Errorf("read usage: %w", err)
		}
		st, err := proc.NewStatus()
		if err != nil {
			return nil, fmt.Errorf("read usage: %w", err)
		}
		us = append(us, usage{
			cpu: time.Duration(stat.CPUTime() * float64(time.Second)), rss: int64(st.VmRSS), peak: int64(st.VmHWM),
		})
	}
	return us, nil
}

// transport is as the one that a Tocsin has for each Alertmanager.
func (c *cluster) transport(r *record) http.RoundTripper {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			r.dialled()
			return wire{conn, r}, nil
		},
		IdleConnTimeout: 90 * time.Second, MaxIdleConnsPerHost: 1,
	}
}

// wire is a connection of which the bytes are counted.
type wire struct {
	net.Conn
	record *record
}

// Read implements net.Conn.
func (w wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.record.wired(n)
	return n, err
}

// Write implements net.Conn.
func (w wire) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	w.record.wired(n)
	return n, err
}

// hostOf is the host of a URL that we made.
func hostOf(u string) string {
	parsed, err := url.Parse(u)
	if err != nil {
		return strings.TrimPrefix(u, "http://")
	}
	return parsed.Host
}

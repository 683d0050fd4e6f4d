package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/tocsin/tocsin/test/internal/process"
)

// patience is for what a busy machine takes long for.
const patience = 90 * time.Second

// member is one Alertmanager of the cluster.
type member struct {
	*process.Process
	t      *testing.T
	host   *host
	client *http.Client
	dir    string
	args   []string
}

// alertmanagerConfig has one notification for each alert, soon. As by default,
// group_wait is longer than a member that was cut off takes to hear from the others,
// and group_interval is longer than all members' turns: else one whose turn comes
// after the news of the end would notify of the beginning. News comes with evaluations,
// each second; group_wait keeps flushes half a second from them, or one of the members
// would have heard of an end with which all of them flush, and another would not.
const alertmanagerConfig = `route:
  receiver: webhook
  group_by: ['...']
  group_wait: 3500ms
  group_interval: 4s
  repeat_interval: 1h
receivers:
- name: webhook
  webhook_configs:
  - url: http://%s/
    send_resolved: true
`

// newMember prepares an Alertmanager that is to find others, and does not run yet.
func newMember(t *testing.T, h *host, client *http.Client, others []*host) *member {
	t.Helper()
	m := &member{t: t, host: h, client: client, dir: filepath.Join(t.TempDir(), h.name)}
	if err := os.Mkdir(m.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(alertmanagerConfig, bridgeAddress)
	if err := os.WriteFile(filepath.Join(m.dir, "alertmanager.yml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	m.args = []string{
		"--config.file=" + filepath.Join(m.dir, "alertmanager.yml"), "--storage.path=" + m.data(),
		"--web.listen-address=" + h.address + ":9093", "--cluster.listen-address=" + h.address + ":9094",
		"--cluster.gossip-interval=100ms", "--cluster.pushpull-interval=1s", "--cluster.reconnect-interval=1s",
		// How long the next member waits for the news that one has notified: longer
		// than this machine may be busy with something else.
		"--cluster.peer-timeout=1500ms",
	}
	for _, o := range others {
		m.args = append(m.args, "--cluster.peer="+o.address+":9094")
	}
	t.Cleanup(func() {
		if m.Process == nil {
			return
		}
		m.thaw()
		if err := m.Stop(20 * time.Second); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", h.name, process.Tail(m.Output()))
		}
	})
	return m
}

func (m *member) data() string { return filepath.Join(m.dir, "data") }
func (m *member) url() string  { return "http://" + m.host.address + ":9093" }

func (m *member) start() {
	m.t.Helper()
	err := m.host.do(func() (err error) {
		m.Process, err = process.Start(filepath.Join(m.dir, "log"), exec.Command("prometheus-alertmanager", m.args...))
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// stop ends the process in good order: it keeps what it has notified of, and
// forgets what fires.
func (m *member) stop() {
	m.t.Helper()
	if err := m.Stop(30 * time.Second); err != nil {
		m.t.Fatal(err)
	}
}

// wipe kills the process, and its data are gone.
func (m *member) wipe() {
	m.t.Helper()
	if err := errors.Join(m.Kill(), os.RemoveAll(m.data())); err != nil {
		m.t.Fatal(err)
	}
}

// freeze halts the process: connections to it are accepted, and nothing answers.
func (m *member) freeze() {
	m.t.Helper()
	if err := m.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		m.t.Fatal(err)
	}
}

func (m *member) thaw() { _ = m.Cmd.Process.Signal(syscall.SIGCONT) } // it may have ended

// sees returns nil if the member is settled and sees that many members, itself
// among them.
func (m *member) sees(n int) error {
	res, err := m.client.Get(m.url() + "/api/v2/status")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var status struct {
		Cluster struct {
			Status string
			Peers  []struct{ Name string }
		}
	}
	if err := json.Unmarshal(body, &status); err != nil {
		return fmt.Errorf("%w: %.200s", err, body)
	}
	if c := status.Cluster; c.Status != "ready" || len(c.Peers) != n {
		return fmt.Errorf("%s is %s and sees %d members, want %d", m.host.name, c.Status, len(c.Peers), n)
	}
	return nil
}

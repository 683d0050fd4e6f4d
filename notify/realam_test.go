package notify

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

// lacks is for what a test needs and the machine has not.
func lacks(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// realAM is a prometheus-alertmanager with a webhook behind it.
type realAM struct {
	address string
	stop    func()
}

func startRealAM(t *testing.T, webhook string) *realAM {
	t.Helper()
	path, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		lacks(t, "prometheus-alertmanager is missing: test/install-deps installs it")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	am := &realAM{address: l.Addr().String()}
	l.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	text := fmt.Sprintf("route: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}\n"+
		"receivers: [{name: hook, webhook_configs: [{url: %q, send_resolved: true}]}]\n", webhook)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--config.file="+config, "--storage.path="+dir, "--web.listen-address="+am.address, "--cluster.listen-address=")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	am.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(am.stop)
	return am
}

// heardOf is what a webhook was told: alertname, host and state.
func heardOf(t *testing.T) (url string, heard <-chan string) {
	t.Helper()
	c := make(chan string, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		var body struct {
			Alerts []struct {
				Status string
				Labels map[string]string
			}
		}
		_ = json.NewDecoder(req.Body).Decode(&body) // what is not understood is not heard
		for _, a := range body.Alerts {
			c <- a.Labels["alertname"] + " " + a.Labels["host"] + " " + a.Status
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, c
}

// TestRealAlertmanager: who is behind a real Alertmanager hears of each incident, over a
// change of the external labels and of its address.
func TestRealAlertmanager(t *testing.T) {
	webhook, heard := heardOf(t)
	first := startRealAM(t, webhook)
	targets := filepath.Join(t.TempDir(), "am.json")
	point := func(am *realAM) {
		t.Helper()
		if err := os.WriteFile(targets+".new", fmt.Appendf(nil, `[{"targets": [%q]}]`, am.address), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(targets+".new", targets); err != nil {
			t.Fatal(err)
		}
	}
	n := run(t, alerting(t, fmt.Sprintf("\n  alertmanagers: [{file_sd_configs: [{files: [%q], refresh_interval: 100ms}]}]\n", targets)))
	n.SetExternalLabels(labels.FromStrings("host", "old"))
	note := func(name string) alert.Notification {
		now := time.Now()
		return alert.Notification{Labels: labels.FromStrings("alertname", name), StartsAt: now, EndsAt: now.Add(4 * time.Minute), News: true}
	}
	expect := func(want ...string) {
		t.Helper()
		missing := map[string]bool{}
		for _, w := range want {
			missing[w] = true
		}
		for len(missing) > 0 {
			delete(missing, await(t, heard, fmt.Sprintf("of %v", missing)))
		}
	}
	n.Send(all(note("A"))) // before anyone is found
	point(first)
	expect("A old firing")
	n.SetExternalLabels(labels.FromStrings("host", "new"))
	expect("A old resolved", "A new firing")

	first.stop()
	b := note("B")
	n.Send(all(b))
	until(t, "the first is away", func() bool { return n.Status()[0].Failures > 0 })
	b.Resolved, b.EndsAt = true, time.Now()
	n.Send(all(b))
	point(startRealAM(t, webhook))
	expect("A new firing", "B new firing") // late, of what is over
}

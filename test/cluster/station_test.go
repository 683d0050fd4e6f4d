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
	"strings"
	"testing"
	"time"

	"github.com/tocsin/tocsin/test/internal/process"
)

// station is the tocsin under test.
type station struct {
	*process.Process
	t      *testing.T
	host   *host
	client *http.Client
	dir    string
	args   []string
}

func newStation(t *testing.T, h *host, members []string) *station {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	s := &station{t: t, host: h, client: &http.Client{Transport: h.transport(t), Timeout: 5 * time.Second}, dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(s.dir, "rules.yml"), []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	s.args = []string{
		bin, "run", "--storage.path=data", "--rules.path=rules.yml", "--scrape.url=http://" + bridgeAddress + ":9100/metrics",
		"--alertmanager.url=" + strings.Join(members, ","), "--external.labels=sender=tocsin",
		"--scrape.interval=1s", "--evaluation.interval=1s", "--alert.resend-delay=" + resendDelay.String(),
		"--alert.self=off", "--web.listen-address=127.0.0.1:9193",
	}
	t.Cleanup(func() {
		if s.Process == nil {
			return
		}
		if err := s.Stop(15 * time.Second); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log of tocsin:\n%s", process.Tail(s.Output()))
		}
	})
	return s
}

func (s *station) start() {
	s.t.Helper()
	err := s.host.do(func() (err error) {
		cmd := exec.Command(s.args[0], s.args[1:]...)
		cmd.Dir = s.dir
		s.Process, err = process.Start(filepath.Join(s.dir, "log"), cmd)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// restart ends the process without a warning, and starts it again.
func (s *station) restart() {
	s.t.Helper()
	if err := s.Kill(); err != nil {
		s.t.Fatal(err)
	}
	s.start()
}

func (s *station) get(path string) ([]byte, error) {
	res, err := s.client.Get("http://127.0.0.1:9193" + path)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.200s", path, res.Status, body)
	}
	return body, err
}

// fires returns nil if an incident's alert fires, or does not.
func (s *station) fires(incident string, want bool) error {
	body, err := s.get("/api/v1/alerts")
	if err != nil {
		return err
	}
	var answer struct {
		Data struct {
			Alerts []struct {
				Labels map[string]string
				State  string
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	got := false
	for _, a := range answer.Data.Alerts {
		got = got || a.Labels["incident"] == incident && a.State == "firing"
	}
	if got != want {
		return fmt.Errorf("alert of incident %s fires: %t, want %t", incident, got, want)
	}
	return nil
}

// delivered returns nil if every member has been told all.
func (s *station) delivered() error {
	body, err := s.get("/metrics")
	if err != nil {
		return err
	}
	const name = "tocsin_notify_undelivered_incidents{"
	found := 0
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, name) {
			continue
		}
		found++
		if !strings.HasSuffix(strings.TrimSpace(line), " 0") {
			err = errors.Join(err, errors.New(strings.TrimSpace(line)))
		}
	}
	if found != len(memberNames) {
		err = errors.Join(err, fmt.Errorf("%d members in the metrics", found))
	}
	return err
}

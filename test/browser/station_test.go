package browser

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

// station is a tocsin with a target and rules of its own, scraped and evaluated
// every second.
type station struct {
	url     string
	target  *target
	process *process.Process
	dir     string
	args    []string
}

// startStation starts one with rule files, by name, and more flags.
func startStation(dir string, files map[string]string, args ...string) (*station, error) {
	bin, err := binary()
	if err != nil {
		return nil, err
	}
	address, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	s := &station{url: "http://" + address, target: newTarget(), dir: dir}
	if err := os.Mkdir(filepath.Join(dir, "rules"), 0o755); err != nil {
		return nil, err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, "rules", name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	bin, err = filepath.Abs(bin)
	s.args = append([]string{
		bin, "run", "--storage.path=data", "--web.listen-address=" + address,
		"--rules.path=rules", "--scrape.url=" + s.target.server.URL + "/metrics",
		"--scrape.interval=1s", "--evaluation.interval=1s", "--alert.self=off", "--external.labels=host=edge7",
	}, args...)
	return s, errors.Join(err, s.start())
}

// start runs the process, and waits until it has evaluated.
func (s *station) start() (err error) {
	args := s.args
	if *picture != "" {
		// The host's name is on the pages, and nobody's business.
		args = append([]string{"unshare", "--map-root-user", "--uts", "sh", "-c", `hostname edge7 && exec "$0" "$@"`}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = s.dir
	if s.process, err = process.Start(filepath.Join(s.dir, "tocsin.log"), cmd); err != nil {
		return err
	}
	err = process.Poll(patience, func() error {
		groups, err := s.groups()
		if err == nil && len(groups) == 0 {
			err = errors.New("no groups")
		}
		for i := range groups {
			if groups[i].LastEvaluation.IsZero() {
				err = fmt.Errorf("group %s: not evaluated", groups[i].Name)
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("start tocsin: %w\n%s", err, process.Tail(s.process.Output()))
	}
	return nil
}

// close stops what the station runs. A process that a test has halted goes on first.
func (s *station) close() error {
	s.target.server.Close()
	if s.process == nil {
		return nil
	}
	_ = s.process.Cmd.Process.Signal(syscall.SIGCONT) // it may have ended
	return s.process.Stop(15 * time.Second)
}

// newStation is a station for one test.
func newStation(t *testing.T, files map[string]string, args ...string) *station {
	t.Helper()
	needs(t, "chromium")
	s, err := startStation(t.TempDir(), files, args...)
	if s != nil {
		t.Cleanup(func() {
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if t.Failed() && s.process != nil {
				t.Logf("output of tocsin:\n%s", process.Tail(s.process.Output()))
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var client = &http.Client{Timeout: 5 * time.Second}

// get is the body at an address. A status other than 200 is an error.
func get(url string) ([]byte, error) {
	res, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.200s", url, res.Status, body)
	}
	return body, err
}

// api decodes the data of one of Prometheus's API calls.
func (s *station) api(path string, data any) error {
	body, err := get(s.url + "/api/v1/" + path)
	if err != nil {
		return err
	}
	answer := struct{ Data any }{data}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// group is a group of /api/v1/rules.
type group struct {
	Name, File     string
	LastEvaluation time.Time
	Rules          []struct {
		Name, Query, Type, Health, LastError, State string
		Labels                                      map[string]string
	}
}

func (s *station) groups() ([]group, error) {
	var data struct{ Groups []group }
	err := s.api("rules", &data)
	return data.Groups, err
}

// activeAlert is an alert of /api/v1/alerts.
type activeAlert struct {
	Labels, Annotations map[string]string
	State, Value        string
	HeldSince           *time.Time
}

func (s *station) alerts() ([]activeAlert, error) {
	var data struct{ Alerts []activeAlert }
	err := s.api("alerts", &data)
	return data.Alerts, err
}

// state returns an error unless an alert is in a state: firing, pending, held, or
// empty for none.
func (s *station) state(name, want string) error {
	alerts, err := s.alerts()
	if err != nil {
		return err
	}
	got := ""
	for _, a := range alerts {
		if a.Labels["alertname"] == name {
			got = a.State
			if a.HeldSince != nil {
				got = "held"
			}
		}
	}
	if got != want {
		return fmt.Errorf("alert %s: state %q, want %q", name, got, want)
	}
	return nil
}

// write puts a rule file in place, at once and whole, and waits for nothing: the
// directory is watched.
func (s *station) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(s.dir, "rules", name)
	if err := errors.Join(os.WriteFile(path+".new", []byte(text), 0o644), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tocsin/tocsin/test/internal/process"
)

// alertmanager is Debian's prometheus-alertmanager on an address and a directory
// of its own, with a webhook as its only receiver.
type alertmanager struct {
	url     string
	dir     string
	webhook *webhook
	process *process.Process
}

// alertmanagerConfig has one notification for each alert, at once.
const alertmanagerConfig = `route:
  receiver: webhook
  group_by: ['...']
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
- name: webhook
  webhook_configs:
  - url: %s
    send_resolved: true
`

// newAlertmanager prepares an Alertmanager that does not run yet.
func newAlertmanager(t *testing.T) *alertmanager {
	t.Helper()
	needs(t, "prometheus-alertmanager")
	am := &alertmanager{url: "http://" + freeAddress(t), dir: t.TempDir(), webhook: newWebhook(t)}
	config := fmt.Sprintf(alertmanagerConfig, am.webhook.url)
	if err := os.WriteFile(filepath.Join(am.dir, "alertmanager.yml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		am.stop(t)
		if t.Failed() && am.process != nil {
			t.Logf("log of Alertmanager:\n%s", process.Tail(am.process.Output()))
			t.Logf("notifications: %+v", am.webhook.all())
		}
	})
	return am
}

// startAlertmanager is a running Alertmanager.
func startAlertmanager(t *testing.T) *alertmanager {
	t.Helper()
	am := newAlertmanager(t)
	am.start(t)
	return am
}

func (am *alertmanager) start(t *testing.T) {
	t.Helper()
	path, err := command("prometheus-alertmanager")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path,
		"--config.file", filepath.Join(am.dir, "alertmanager.yml"),
		"--storage.path", filepath.Join(am.dir, "data"),
		"--web.listen-address", am.url[len("http://"):],
		"--cluster.listen-address", "")
	if am.process, err = process.Start(filepath.Join(am.dir, "alertmanager.log"), cmd); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "Alertmanager is ready", func() error {
		_, err := get(am.url + "/-/ready")
		return err
	})
}

func (am *alertmanager) stop(t *testing.T) {
	if am.process == nil {
		return
	}
	if err := am.process.Stop(10 * time.Second); err != nil {
		t.Error(err)
	}
}

// sentAlert is an alert as Alertmanager holds it.
type sentAlert struct {
	Labels       map[string]string
	Annotations  map[string]string
	StartsAt     time.Time
	EndsAt       time.Time
	UpdatedAt    time.Time
	GeneratorURL string
}

// errNoAlert says that Alertmanager answers and has no such alert.
var errNoAlert = errors.New("no such alert")

// alert is the one active alert of a name that Alertmanager's API shows.
func (am *alertmanager) alert(name string) (sentAlert, error) {
	body, err := get(am.url + "/api/v2/alerts")
	if err != nil {
		return sentAlert{}, err
	}
	var all []sentAlert
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		return sentAlert{}, err
	}
	var found []sentAlert
	for _, a := range all {
		if a.Labels["alertname"] == name {
			found = append(found, a)
		}
	}
	switch len(found) {
	case 0:
		return sentAlert{}, fmt.Errorf("alertmanager: %s: %w (of %d)", name, errNoAlert, len(all))
	case 1:
		return found[0], nil
	}
	return sentAlert{}, fmt.Errorf("alertmanager: %d alerts %s, want 1", len(found), name)
}

// received waits for an alert of a name.
func (am *alertmanager) received(t *testing.T, within time.Duration, name string) (got sentAlert) {
	t.Helper()
	eventually(t, within, name+" is in Alertmanager", func() (err error) {
		got, err = am.alert(name)
		return err
	})
	return got
}

// refreshed waits until Alertmanager was told again about an alert.
func (am *alertmanager) refreshed(t *testing.T, name string, after time.Time) (got sentAlert) {
	t.Helper()
	eventually(t, 20*time.Second, name+" is refreshed", func() (err error) {
		if got, err = am.alert(name); err == nil && !got.UpdatedAt.After(after) {
			err = fmt.Errorf("updated at %s, want after %s", got.UpdatedAt, after)
		}
		return err
	})
	return got
}

// resolved waits until Alertmanager has told its receiver that an alert ended.
// That an alert is no longer in its list does not show that: it may have run out.
func (am *alertmanager) resolved(t *testing.T, within time.Duration, name string) {
	t.Helper()
	eventually(t, within, name+" is resolved", func() error {
		if am.webhook.count("resolved", name) == 0 {
			return errors.New("no resolved notification")
		}
		if _, err := am.alert(name); !errors.Is(err, errNoAlert) {
			return fmt.Errorf("still in Alertmanager (error: %w)", err)
		}
		return nil
	})
}

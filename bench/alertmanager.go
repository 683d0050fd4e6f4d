package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// alertmanagerConfig notifies nobody.
const alertmanagerConfig = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"

// alertmanager is Debian's, behind a lane's receiver: what it knows in the end is
// what was delivered.
type alertmanager struct {
	url     string
	process *process
}

// startAlertmanager runs one with its files in dir.
func startAlertmanager(ctx context.Context, dir string) (*alertmanager, error) {
	path, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		return nil, fmt.Errorf("%w: bench/install-deps installs it", err)
	}
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, []byte(alertmanagerConfig), 0o644); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	a := &alertmanager{url: "http://" + address}
	a.process, err = startProcess(dir, []string{
		path, "--config.file=" + config, "--storage.path=" + filepath.Join(dir, "alertmanager"),
		"--web.listen-address=" + address, "--cluster.listen-address=", "--log.level=warn",
	})
	if err != nil {
		return nil, err
	}
	err = poll(ctx, seldom, startLimit, func() error {
		_, err := a.count(stormAlert)
		return errors.Join(a.process.alive(), err)
	})
	if err != nil {
		return nil, errors.Join(err, a.process.kill())
	}
	return a, nil
}

// count is how many alerts of a name it knows.
func (a *alertmanager) count(name string) (int, error) {
	resp, err := http.Get(a.url + "/api/v2/alerts?filter=" + url.QueryEscape("alertname="+name))
	if err != nil {
		return 0, fmt.Errorf("ask Alertmanager: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("ask Alertmanager: %s", resp.Status)
	}
	var alerts []struct{}
	if err := json.NewDecoder(resp.Body).Decode(&alerts); err != nil {
		return 0, fmt.Errorf("read Alertmanager's alerts: %w", err)
	}
	return len(alerts), nil
}

// post hands over what a contestant has sent, and returns the status of the answer.
func (a *alertmanager) post(ctx context.Context, body []byte) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+"/api/v2/alerts", bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("post to Alertmanager: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("post to Alertmanager: %w", err)
	}
	return resp.StatusCode, resp.Body.Close()
}

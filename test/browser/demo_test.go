package browser

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"

	"github.com/tocsin/tocsin/test/internal/process"
)

// demo is a host with a bit of everything: alerts in all states, a rule that fails
// and a file that was rejected, an Alertmanager that takes alerts and one that is
// not there. Tests look at it and leave it as it is.
var demo struct {
	once         sync.Once
	station      *station
	alertmanager *process.Process
	receiver     string // the address of the Alertmanager that takes alerts
	err          error
}

// secret is in a setting, and must be on no page.
const secret = "correct-horse"

var demoRules = map[string]string{
	"disks.yml": `groups:
- name: disks
  rules:
  - record: mount:disk_used:ratio
    expr: disk_used_bytes / disk_size_bytes
  - alert: DiskAlmostFull
    expr: disk_used_bytes / disk_size_bytes > 0.9
    labels: {severity: critical, team: storage}
    annotations:
      summary: '{{ $labels.mount }} is {{ $value | humanizePercentage }} full'
      description: At the rate of the last hours it is full tonight. Old images are usually what fills it.
      runbook_url: https://runbooks.example/disk-almost-full
  - alert: DiskWearsOut
    expr: disk_wear_ratio > 0.8
    labels: {severity: warning, team: storage}
    annotations:
      summary: The SD card has used {{ $value | humanizePercentage }} of its life
`,
	"containers.yml": `groups:
- name: containers
  rules:
  - alert: ContainerRestarts
    expr: container_restarts > 3
    labels: {severity: warning}
    annotations:
      summary: '{{ $labels.container }} has restarted {{ $value }} times'
  - alert: ContainerPaused
    expr: container_paused > 0
    for: 1h
    labels: {severity: warning}
    annotations:
      summary: '{{ $labels.container }} is paused'
  - alert: Watchdog
    expr: vector(1)
    labels: {severity: none}
    annotations:
      summary: Fires always, so that silence is a sign
- name: uplink
  rules:
  - alert: UplinkSlow
    expr: uplink_latency_seconds * on () group_left () uplink_weight > 0.5
    labels: {severity: warning}
    annotations:
      summary: 'The uplink takes {{ $value | humanizeDuration }}'
`,
	"broken.yml": `groups:
- name: broken
  rules:
  - alert: Broken
    expr: rate(requests_total[5m]) >> 3
`,
}

// before are the values of the demo's series at first; then, what brings all of it
// about.
var before = map[string]float64{
	`disk_used_bytes{mount="/var/lib/docker"}`: 30.4e9, `disk_size_bytes{mount="/var/lib/docker"}`: 32e9,
	`disk_used_bytes{mount="/"}`: 5e9, `disk_size_bytes{mount="/"}`: 16e9,
	`disk_wear_ratio`:                        0.83,
	`container_restarts{container="camera"}`: 7, `container_restarts{container="gateway"}`: 5,
	`container_paused{container="updater"}`: 1,
	`uplink_latency_seconds`:                0.9, `uplink_weight`: 1,
}

var then = map[string]float64{`container_restarts{container="gateway"}`: 1, `uplink_weight{path="lte"}`: 1}

// demoStation is the demo, for one test.
func demoStation(t *testing.T) *station {
	t.Helper()
	needs(t, "chromium", "prometheus-alertmanager")
	demo.once.Do(func() { demo.err = startDemo() })
	if demo.err != nil {
		t.Fatal(demo.err)
	}
	return demo.station
}

// demoTab is a tab in front of the demo. One of its rules fails, and so does the
// chart of its alert.
func demoTab(t *testing.T) *tab {
	t.Helper()
	b := newTab(t, demoStation(t).url)
	b.expectErrors("query_range?query=uplink_latency_seconds")
	return b
}

func startDemo() error {
	dir := filepath.Join(scratch, "demo")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := startAlertmanager(dir); err != nil {
		return err
	}
	nobody, err := process.FreeAddress()
	if err != nil {
		return err
	}
	s, err := startStation(dir, demoRules, "--web.enable-remote-write-receiver",
		"--alertmanager.url="+demo.receiver+",http://edge:"+secret+"@"+nobody)
	demo.station = s
	if err != nil {
		return err
	}
	if err := s.remember(before); err != nil {
		return err
	}
	s.target.set(before)
	firing := func(a ...string) func() error {
		return func() (err error) {
			for _, name := range a {
				err = errors.Join(err, s.state(name, "firing"))
			}
			return errors.Join(err, s.state("ContainerPaused", "pending"))
		}
	}
	if err := process.Poll(patience, firing("DiskAlmostFull", "DiskWearsOut", "ContainerRestarts", "UplinkSlow", "Watchdog")); err != nil {
		return err
	}
	s.target.set(then)
	return process.Poll(patience, func() error {
		alerts, err := s.alerts()
		if err == nil && len(alerts) != 6 {
			err = fmt.Errorf("%d alerts, want 6", len(alerts))
		}
		return errors.Join(err, s.state("UplinkSlow", "held"))
	})
}

// startAlertmanager starts Debian's, on an address and in a directory of its own.
func startAlertmanager(dir string) error {
	path, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		return err
	}
	address, err := process.FreeAddress()
	if err != nil {
		return err
	}
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, []byte("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"), 0o644); err != nil {
		return err
	}
	demo.receiver = "http://" + address
	cmd := exec.Command(path, "--config.file", config, "--storage.path", filepath.Join(dir, "alertmanager"),
		"--web.listen-address", address, "--cluster.listen-address", "")
	if demo.alertmanager, err = process.Start(filepath.Join(dir, "alertmanager.log"), cmd); err != nil {
		return err
	}
	return process.Poll(patience, func() error {
		_, err := get(demo.receiver + "/-/ready")
		return err
	})
}

// closeDemo stops the demo, if a test has started it.
func closeDemo() {
	if demo.station != nil {
		if err := demo.station.close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if demo.alertmanager != nil {
		if err := demo.alertmanager.Stop(10 * time.Second); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// remember writes an hour of history of the target's series, which rises to the
// given values: charts have something to show.
func (s *station) remember(values map[string]float64) error {
	var data struct {
		ActiveTargets []struct{ Labels map[string]string }
	}
	if err := s.api("targets", &data); err != nil {
		return err
	}
	var req prompb.WriteRequest
	now := time.Now()
	for series, value := range values {
		metric, err := parseSeries(series)
		if err != nil {
			return err
		}
		for name, v := range data.ActiveTargets[0].Labels {
			metric = append(metric, prompb.Label{Name: name, Value: v})
		}
		slices.SortFunc(metric, func(a, b prompb.Label) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
		ts := prompb.TimeSeries{Labels: metric}
		for back := 55 * time.Minute; back > 10*time.Second; back -= 15 * time.Second {
			x := back.Minutes() / 55
			ts.Samples = append(ts.Samples, prompb.Sample{
				Timestamp: now.Add(-back).UnixMilli(),
				Value:     value * rise(series, x),
			})
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	body, err := req.Marshal()
	if err != nil {
		return err
	}
	res, err := client.Post(s.url+"/api/v1/write", "application/x-protobuf", bytes.NewReader(snappy.Encode(nil, body)))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("write history: %s", res.Status)
	}
	return nil
}

// rise is how much of its last value a series had, as the share of an hour ago that
// it was. The size of a disk does not change.
func rise(series string, ago float64) float64 {
	if strings.HasPrefix(series, "disk_size") {
		return 1
	}
	return 1 - 0.3*ago + 0.04*ago*math.Sin(17*ago)
}

// parseSeries reads a series with at most one label.
func parseSeries(text string) ([]prompb.Label, error) {
	name, rest, labelled := bytes.Cut([]byte(text), []byte("{"))
	metric := []prompb.Label{{Name: "__name__", Value: string(name)}}
	if !labelled {
		return metric, nil
	}
	label, quoted, _ := bytes.Cut(bytes.TrimSuffix(rest, []byte("}")), []byte("="))
	var value string
	if err := json.Unmarshal(quoted, &value); err != nil {
		return nil, fmt.Errorf("series %s: %w", text, err)
	}
	return append(metric, prompb.Label{Name: string(label), Value: value}), nil
}

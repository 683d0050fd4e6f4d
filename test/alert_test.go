package test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// writeRules writes one rule file into a directory of its own, and returns the
// directory.
func writeRules(t *testing.T, name, content string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, name), content)
	return dir
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sameMap compares labels or annotations.
func sameMap(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

const containerRules = `groups:
- name: containers
  rules:
  - alert: ContainerPaused
    expr: engine_daemon_container_states_containers{state="paused"} > 0
    labels: {severity: warning}
    annotations:
      summary: '{{ $value }} {{ $labels.state }} on {{ $labels.instance }}'
      engine: '{{ with query "engine_daemon_engine_info" }}{{ . | first | label "version" }}{{ end }}'
  - alert: ContainerRestarting
    expr: increase(engine_daemon_container_actions_seconds_count{action="start"}[20s]) > 3
    labels: {severity: critical, action: '{{ $labels.action }}ed'}
    annotations:
      summary: '{{ if gt $value 3.0 }}again and again{{ end }}'
`

// alertingPlugin is enabled with the given rules and Alertmanager, and with settings
// beside, within the time that an enable may take.
func alertingPlugin(t *testing.T, e *dockerEngine, rules string, am *alertmanager, settings ...string) *plugin {
	t.Helper()
	p := installPlugin(t, e)
	// endsAt is 4 resend delays ahead: far enough that an alert which is gone
	// earlier was resolved, and has not run out.
	p.set(t, append([]string{"RULES_PATH=" + rules, "ALERTMANAGER_URL=" + am.url, "RESEND_DELAY=10s"}, settings...)...)
	took := p.enable(t)
	if took >= enableLimit {
		t.Errorf("enable took %s, want less than %s", took, enableLimit)
	}
	t.Logf("enable took %s", took)
	return p
}

func TestPausedContainerFiresAndResolves(t *testing.T) {
	e, am := sharedEngine(t), startAlertmanager(t)
	alertingPlugin(t, e, writeRules(t, "containers.yml", containerRules), am)
	before := time.Now().Add(-time.Second)

	name := e.container(t, nil, "sleep", "600")
	e.mustDocker(t, "pause", name)
	got := am.received(t, 10*time.Second, "ContainerPaused")
	host := hostname(t)
	sameMap(t, "labels", got.Labels, map[string]string{
		"alertname": "ContainerPaused", "severity": "warning", "state": "paused",
		"job": "docker", "instance": host, "host": host, "engine_id": e.id(t),
	})
	sameMap(t, "annotations", got.Annotations, map[string]string{
		"summary": "1 paused on " + host,
		"engine":  e.mustDocker(t, "version", "--format", "{{.Server.Version}}"),
	})
	if got.StartsAt.Before(before) || got.StartsAt.After(time.Now()) {
		t.Errorf("startsAt %s, want after %s", got.StartsAt, before)
	}
	if got.GeneratorURL == "" {
		t.Error("no generatorURL")
	}

	e.mustDocker(t, "unpause", name)
	am.resolved(t, 10*time.Second, "ContainerPaused")
	if n := am.webhook.count("firing", "ContainerPaused"); n != 1 {
		t.Errorf("%d notifications, want 1", n)
	}
}

func TestRestartingContainerFiresAndResolves(t *testing.T) {
	e, am := sharedEngine(t), startAlertmanager(t)
	alertingPlugin(t, e, writeRules(t, "containers.yml", containerRules), am)

	name := e.container(t, []string{"--restart", "always"}, "true")
	got := am.received(t, 30*time.Second, "ContainerRestarting")
	host := hostname(t)
	sameMap(t, "labels", got.Labels, map[string]string{
		"alertname": "ContainerRestarting", "severity": "critical", "action": "started",
		"job": "docker", "instance": host, "host": host, "engine_id": e.id(t),
	})
	sameMap(t, "annotations", got.Annotations, map[string]string{"summary": "again and again"})

	e.mustDocker(t, "rm", "--force", name)
	am.resolved(t, 40*time.Second, "ContainerRestarting")
}

func TestAlertmanagerComesUpLater(t *testing.T) {
	e, am := sharedEngine(t), newAlertmanager(t)
	p := alertingPlugin(t, e, writeRules(t, "containers.yml", containerRules), am)
	e.mustDocker(t, "pause", e.container(t, nil, "sleep", "600"))
	var fired ruleAlert
	eventually(t, 10*time.Second, "the page shows the alert", func() (err error) {
		fired, err = p.alert("ContainerPaused")
		return err
	})
	p.logged(t, "^error: .*"+am.url)

	am.start(t)
	got := am.received(t, 40*time.Second, "ContainerPaused")
	if d := got.StartsAt.Sub(fired.ActiveAt).Abs(); d > time.Second {
		t.Errorf("startsAt %s, want %s, when it fired", got.StartsAt, fired.ActiveAt)
	}
}

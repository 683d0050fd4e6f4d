package examples

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

const (
	alertmanagerFile = "alertmanager.yml"
	composeFile      = "compose.yml"
)

// needs skips the test where a command is missing that test/install-deps installs.
func needs(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: test/install-deps installs it", name)
	}
	t.Skipf("%s is missing: test/install-deps installs it", name)
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.String()
}

// TestRoutes: Alertmanager takes the file, and each alert of the packs goes to the
// receiver of its severity.
func TestRoutes(t *testing.T) {
	needs(t, "amtool")
	output(t, "amtool", "check-config", alertmanagerFile)
	receivers := map[string]string{"critical": "pager", "warning": "chat", "info": "journal", "none": "heartbeat"}
	for severity, name := range firstAlerts(t) {
		got := strings.TrimSpace(output(t, "amtool", "config", "routes", "test", "--config.file="+alertmanagerFile,
			"alertname="+name, "severity="+severity, "host=edge7"))
		if got != receivers[severity] {
			t.Errorf("%s of severity %s goes to %s, want %s", name, severity, got, receivers[severity])
		}
	}
}

// firstAlerts are one alert of each severity.
func firstAlerts(t *testing.T) map[string]string {
	t.Helper()
	names := map[string]string{}
	for _, path := range packs(t) {
		for _, r := range alerts(path) {
			if s := r.Labels.Get("severity"); names[s] == "" {
				names[s] = r.Alert
			}
		}
	}
	if len(names) != len(severities) {
		t.Fatalf("alerts of the severities %v, want %v", names, severities)
	}
	return names
}

// TestAlertmanager: a real one, started as compose.yml does, tells the heartbeat of
// each host, inhibits within a host, and takes the silences of all runbooks.
func TestAlertmanager(t *testing.T) {
	needs(t, "prometheus-alertmanager")
	needs(t, "amtool")
	beats := make(chan string, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n struct {
			Receiver     string            `json:"receiver"`
			CommonLabels map[string]string `json:"commonLabels"`
		}
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			t.Errorf("a notification that cannot be read: %v", err)
		}
		if n.Receiver == "heartbeat" {
			beats <- n.CommonLabels["host"]
		}
	}))
	defer receiver.Close()
	am := "--alertmanager.url=" + startAlertmanager(t, receiver.URL)

	for _, a := range [][]string{
		{"Watchdog", "severity=none", "host=edge7"},
		{"Watchdog", "severity=none", "host=edge8"},
		{"DockerEngineUnreachable", "severity=critical", "host=edge7"},
		{"DockerContainerPaused", "severity=warning", "host=edge7"},        // of the engine
		{"TocsinClockStepped", "severity=info", "host=edge7"},              // for the record
		{"NodeMemoryLow", "severity=warning", "host=edge7"},                // stays
		{"DockerContainerPaused", "severity=warning", "host=edge8"},        // of another host
		{"DockerEngineUnreachable", "severity=critical", "other=x"},        // of no host
		{"DockerContainerPaused", "severity=warning", "other=x"},           // of no host either
		{"SwarmRaftSlow", "severity=warning", "host=edge7"},                // of the engine
		{"SwarmNodeDown", "severity=critical", "host=edge7", "swarm_id=x"}, // of all engines
		{"DockerEngineRestarted", "severity=info", "host=edge9"},           // for the reboot
		{"NodeRebooted", "severity=info", "host=edge9"},                    // stays
		{"NodeDiskFull", "severity=critical", "host=edge9"},                // stays
		{"DockerLogWritesFailing", "severity=warning", "host=edge9"},       // for the disk
	} {
		output(t, "amtool", append([]string{"alert", "add", am}, a...)...)
	}
	want := []string{
		"edge7 DockerContainerPaused", "edge7 SwarmRaftSlow", "edge7 TocsinClockStepped",
		"edge9 DockerEngineRestarted", "edge9 DockerLogWritesFailing", "edge9 NodeRebooted",
	}
	eventually(t, "the alerts are inhibited", func() error {
		if got := inhibited(t, am); !slices.Equal(got, want) {
			return fmt.Errorf("inhibited are %q, want %q", got, want)
		}
		return nil
	})
	missing := map[string]bool{"edge7": true, "edge8": true}
	for len(missing) > 0 {
		select {
		case host := <-beats:
			delete(missing, host)
		case <-time.After(patience):
			t.Fatalf("no heartbeat of %v", missing)
		}
	}
	silenceAll(t, am)
}

// inhibited lists host and name of the alerts that nobody is told of.
func inhibited(t *testing.T, am string) []string {
	t.Helper()
	var all []struct {
		Labels map[string]string `json:"labels"`
		Status struct {
			InhibitedBy []string `json:"inhibitedBy"`
		} `json:"status"`
	}
	text := output(t, "amtool", "alert", "query", am, "--inhibited", "--active", "-o", "json")
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var found []string
	for _, a := range all {
		if len(a.Status.InhibitedBy) > 0 {
			found = append(found, strings.TrimSpace(a.Labels["host"]+" "+a.Labels["alertname"]))
		}
	}
	slices.Sort(found)
	return found
}

// silenced matches the command by which a runbook silences its alert.
var silenced = regexp.MustCompile(`(?m)^    amtool (silence add .*) \\\n +(.*) alertname=(\w+) ((?:host|swarm_id)=[\w-]+)$`)

// silenceAll runs those commands as the runbooks have them, but for the address.
func silenceAll(t *testing.T, am string) {
	t.Helper()
	for _, path := range packs(t) {
		for _, r := range alerts(path) {
			if always[r.Alert] {
				continue
			}
			m := silenced.FindStringSubmatch(read(t, filepath.Join(runbooks, r.Alert+".md")))
			if m == nil || m[3] != r.Alert {
				t.Errorf("the runbook of %s does not silence it", r.Alert)
				continue
			}
			line := strings.Replace("amtool "+m[1]+" "+m[2], "--alertmanager.url=http://127.0.0.1:9093", am, 1)
			if !strings.Contains(line, am) {
				t.Errorf("the runbook of %s silences elsewhere: %s", r.Alert, line)
				continue
			}
			output(t, "sh", "-c", line+" alertname="+r.Alert+" "+m[4])
			if got := output(t, "amtool", "silence", "query", am, "-q", "alertname="+r.Alert, m[4]); got == "" {
				t.Errorf("the runbook of %s silences nothing", r.Alert)
			}
		}
	}
}

// startAlertmanager is one with the flags of compose.yml, whose receivers are all at
// url, until the test ends.
func startAlertmanager(t *testing.T, url string) string {
	t.Helper()
	dir := t.TempDir()
	config := regexp.MustCompile(`https://\w+\.example/`).ReplaceAllString(read(t, alertmanagerFile), url+"/")
	if err := os.WriteFile(filepath.Join(dir, "alertmanager.yml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	args := []string{"--web.listen-address=" + address}
	for _, a := range readCompose(t).Services["alertmanager"].Command {
		a = strings.Replace(a, "/etc/alertmanager/", dir+"/", 1)
		args = append(args, strings.Replace(a, "=/alertmanager", "="+filepath.Join(dir, "data"), 1))
	}
	var log bytes.Buffer
	cmd := exec.Command("prometheus-alertmanager", args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if t.Failed() {
			t.Logf("log of Alertmanager:\n%s", log.Bytes())
		}
	})
	eventually(t, "Alertmanager is ready", func() error {
		resp, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %s", resp.Status)
		}
		return nil
	})
	return "http://" + address
}

// patience bounds how long a test waits for another process.
const patience = 30 * time.Second

// eventually polls until f is content.
func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	err := f()
	for end := time.Now().Add(patience); err != nil; err = f() {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s: %v", patience, what, err)
		}
		<-time.After(50 * time.Millisecond) // between two polls
	}
}

// compose is what the tests read of a compose file.
type compose struct {
	Services map[string]struct {
		Image   string   `yaml:"image"`
		Command []string `yaml:"command"`
		Ports   []string `yaml:"ports"`
		Volumes []string `yaml:"volumes"`
	} `yaml:"services"`
}

func readCompose(t *testing.T) compose {
	t.Helper()
	var c compose
	if err := yaml.Unmarshal([]byte(read(t, composeFile)), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCompose: the file is well formed, its image is of one version, its port is on
// loopback, and the configuration that it mounts is there.
func TestCompose(t *testing.T) {
	s, ok := readCompose(t).Services["alertmanager"]
	if !ok {
		t.Fatal("there is no alertmanager")
	}
	if !regexp.MustCompile(`:v\d+\.\d+\.\d+$`).MatchString(s.Image) {
		t.Errorf("the image %s is of no one version", s.Image)
	}
	for _, p := range s.Ports {
		if !strings.HasPrefix(p, "127.0.0.1:") {
			t.Errorf("the port %s is beyond loopback", p)
		}
	}
	for _, v := range s.Volumes {
		if from, _, _ := strings.Cut(v, ":"); strings.HasPrefix(from, ".") {
			if _, err := os.Stat(from); err != nil {
				t.Error(err)
			}
		}
	}
	needs(t, "docker-compose")
	output(t, "docker-compose", "-f", composeFile, "config", "--quiet")
}

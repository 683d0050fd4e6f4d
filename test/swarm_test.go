package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// swarmNode is an engine of a swarm, with Tocsin in it.
type swarmNode struct {
	*plugin
	host, address string
}

// swarm is three managers and a worker, each with a network of its own, and what they
// share.
type swarm struct {
	managers []*swarmNode
	worker   *swarmNode
	am       *alertmanager
	registry string
	settings []string // of each plugin
}

// TestSwarm: an alert on the whole swarm is begun by its leader alone, and lasts while
// it is so, whatever becomes of the leader; plugins are upgraded one node at a time, and
// nobody is told that something ended.
func TestSwarm(t *testing.T) {
	s := newSwarm(t)
	want := map[string]int{}
	for _, n := range append(s.managers, s.worker) {
		want["firing EngineRuns "+n.host] = 1
	}
	s.told(t, "all engines run", want)

	if err := s.worker.engine.kill(); err != nil {
		t.Fatal(err)
	}
	first := s.leader(t)
	var id struct {
		Swarm struct{ Cluster struct{ ID string } }
	}
	if err := json.Unmarshal([]byte(first.engine.mustDocker(t, "info", "--format", "{{json .}}")), &id); err != nil {
		t.Fatal(err)
	}
	down := "SwarmNodeDown swarm-" + id.Swarm.Cluster.ID
	want["firing "+down] = 1
	s.told(t, "a node is down", want)

	if err := first.engine.stop(); err != nil { // its plugin with it
		t.Fatal(err)
	}
	second := s.leader(t)
	second.firing(t, "SwarmNodeDown")
	s.told(t, "the leader has gone", want)
	if err := first.engine.start(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*swarmNode{first, second} {
		n.scrapedAgain(t)
		n.firing(t, "SwarmNodeDown")
	}
	s.told(t, "the leader is back as another manager", want)

	s.push(t, "2")
	for _, n := range s.managers {
		took := n.upgrade(t, s)
		n.scrapedAgain(t)
		n.firing(t, "EngineRuns")
		t.Logf("%s was upgraded in %s", n.host, took.Round(time.Millisecond))
	}
	s.told(t, "all are upgraded", want)

	if err := s.worker.engine.start(); err != nil {
		t.Fatal(err)
	}
	want["resolved "+down] = 1
	s.told(t, "the node is back", want)
}

// newSwarm starts all of it.
func newSwarm(t *testing.T) *swarm {
	t.Helper()
	needs(t, "dockerd", "docker", "busybox", "docker-registry", "prometheus-alertmanager")
	lan := newNetwork(t)
	s := &swarm{am: newAlertmanager(t), registry: lan.free(t)}
	startRegistry(t, s.registry)
	s.am.url = "http://" + lan.free(t)
	s.am.start(t)
	s.settings = []string{
		"SCRAPE_INTERVAL=1s", "EVALUATION_INTERVAL=1s", "SELF_ALERTS=off", "WEB_ALLOW_UNPROTECTED=on",
		"ALERTMANAGER_URL=" + s.am.url, "CONFIG_PATH=" + swarmConfiguration(t),
	}
	var token, join string
	for i := range 4 {
		n := s.start(t, lan, fmt.Sprintf("node%d", i+1))
		switch i {
		case 0:
			n.engine.mustDocker(t, "swarm", "init", "--advertise-addr", n.address)
			join = n.address + ":2377"
			token = n.engine.mustDocker(t, "swarm", "join-token", "--quiet", "manager")
		case 3:
			token = s.managers[0].engine.mustDocker(t, "swarm", "join-token", "--quiet", "worker")
		}
		if i > 0 {
			n.engine.mustDocker(t, "swarm", "join", "--token", token, "--advertise-addr", n.address, join)
		}
		if i < 3 {
			s.managers = append(s.managers, n)
		} else {
			s.worker = n
		}
		if i == 0 {
			s.push(t, "1")
		}
		n.install(t, s)
	}
	return s
}

// start starts the engine of a node.
func (s *swarm) start(t *testing.T, lan *network, host string) *swarmNode {
	t.Helper()
	address, enter := lan.join(t)
	config := fmt.Sprintf(`{"insecure-registries": [%q]}`, s.registry)
	e, err := startEngine(config, enter...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.remove)
	return &swarmNode{
		plugin: &plugin{page: page{base: "http://" + address + ":9193"}, engine: e, name: "tocsin"},
		host:   host, address: address,
	}
}

// swarmConfiguration is a directory for CONFIG_PATH, with the rules for Swarm, which wait
// for seconds where it is minutes, one that is true of every engine, and the relabelling
// of alerts that is in examples/prometheus.yml.
func swarmConfiguration(t *testing.T) string {
	t.Helper()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, "examples", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	relabelling := regexp.MustCompile(`(?ms)^alerting:\n  alert_relabel_configs:\n.*?^  alertmanagers:\n`).FindString(read("prometheus.yml"))
	if relabelling == "" {
		t.Fatal("examples/prometheus.yml relabels no alerts")
	}
	soon := strings.NewReplacer("[5m]", "[10s]", "offset 5m", "offset 10s", "keep_firing_for: 5m", "keep_firing_for: 20s")
	return mount(t, map[string]string{
		"prometheus.yml":  "rule_files: [rules/*.yml]\n" + strings.TrimSuffix(relabelling, "  alertmanagers:\n"),
		"rules/swarm.yml": soon.Replace(read("rules/swarm.yml")),
		"rules/engine.yml": `groups:
- name: engine
  rules:
  - alert: EngineRuns
    expr: engine_daemon_engine_cpus_cpus{job="docker"} > 0
`,
	})
}

// push puts a version of the plugin into the registry. Versions differ in a time.
func (s *swarm) push(t *testing.T, version string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "plugin")
	if out, err := exec.Command("cp", "-a", filepath.Join(root, "build", "plugin"), dir).CombinedOutput(); err != nil {
		t.Fatalf("copy plugin: %v: %s", err, out)
	}
	if err := os.Chtimes(filepath.Join(dir, "rootfs", "tmp"), time.Time{}, time.Unix(1e9+plugins.Add(1), 0)); err != nil {
		t.Fatal(err)
	}
	e, ref := s.managers[0].engine, s.ref(version)
	e.mustDocker(t, "plugin", "create", ref, dir)
	e.mustDocker(t, "plugin", "push", ref)
	e.mustDocker(t, "plugin", "rm", ref)
}

func (s *swarm) ref(version string) string { return s.registry + "/tocsin:" + version }

// install installs the plugin from the registry, and enables it.
func (n *swarmNode) install(t *testing.T, s *swarm) {
	t.Helper()
	args := append([]string{"plugin", "install", "--grant-all-permissions", "--alias", n.name, s.ref("1"),
		"EXTERNAL_LABELS=host=" + n.host, "LISTEN_ADDRESS=" + n.address + ":9193"}, s.settings...)
	n.engine.mustDocker(t, args...)
	n.id = n.engine.mustDocker(t, "plugin", "inspect", "--format", "{{.Id}}", n.name)
	t.Cleanup(func() {
		if t.Failed() {
			n.describe(t)
		}
	})
}

// upgrade is what docs/operations.md has, and says how long the plugin was away.
func (n *swarmNode) upgrade(t *testing.T, s *swarm) time.Duration {
	t.Helper()
	start := time.Now()
	n.disable(t)
	n.engine.mustDocker(t, "plugin", "upgrade", "--grant-all-permissions", "--skip-remote-check", n.name, s.ref("2"))
	n.set(t, s.settings[len(s.settings)-1]) // paths do not survive
	n.enable(t)
	return time.Since(start)
}

// leader waits until one manager leads the swarm.
func (s *swarm) leader(t *testing.T) (found *swarmNode) {
	t.Helper()
	eventually(t, 60*time.Second, "one manager leads", func() error {
		var leaders []*swarmNode
		for _, n := range s.managers {
			if v, err := n.value(`swarm:leader and on () timestamp(up{job="docker"}) > time() - 3 and on () up{job="docker"} == 1`, time.Now()); err == nil && v == 1 {
				leaders = append(leaders, n)
			}
		}
		if len(leaders) != 1 {
			return fmt.Errorf("%d leaders", len(leaders))
		}
		found = leaders[0]
		return nil
	})
	return found
}

// scrapedAgain waits for the next scrape that succeeds.
func (n *swarmNode) scrapedAgain(t *testing.T) {
	t.Helper()
	(&restarted{plugin: n.plugin}).scraped(t, n.host, time.Now())
}

// firing waits until the page of a node has an alert firing.
func (n *swarmNode) firing(t *testing.T, name string) {
	t.Helper()
	eventually(t, 20*time.Second, n.host+": "+name, func() error {
		a, err := n.alert(name)
		if err == nil && a.State != "firing" {
			err = errors.New("it is " + a.State)
		}
		return err
	})
}

// told waits until people were told of alerts as often as they should be, by status,
// name and host, and of no others; it stays so.
func (s *swarm) told(t *testing.T, when string, want map[string]int) {
	t.Helper()
	check := func() error {
		got := map[string]int{}
		for _, a := range s.am.webhook.all() {
			got[a.Status+" "+a.Labels["alertname"]+" "+a.Labels["host"]]++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("notifications (-want +got):\n%s", diff)
		}
		return nil
	}
	eventually(t, 60*time.Second, when, check)
	stays(t, 3*time.Second, when, check)
}

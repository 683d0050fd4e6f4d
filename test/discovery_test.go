package test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/moby"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"go.yaml.in/yaml/v3"
)

// dockerSocket is where configuration files expect the engine's API.
const dockerSocket = "/var/run/docker.sock"

// TestDockerSocket: the plugin has no API socket of its engine until it is given
// that, and then a fresh one after each restart of the engine.
func TestDockerSocket(t *testing.T) {
	e := ownEngine(t, liveRestoreConfig(true))
	named := e.mustDocker(t, "run", "--detach", "--net", "host", "--restart", "always",
		"--label", "metrics.port=8080", "--name", "named", busyboxImage, "sleep", "3600")
	t.Cleanup(func() { e.cleanUp(t, "rm", "--force", named) })
	e.container(t, nil, "sleep", "3600")
	p := installPlugin(t, e)

	p.enable(t)
	if got, err := p.containers(t); err == nil {
		t.Errorf("a plugin that was given no socket finds %v", got)
	}
	p.disable(t)
	p.set(t, "DOCKER_SOCKET="+e.path("docker.sock"))
	p.enable(t)
	p.finds(t, "at first", "127.0.0.1:8080 named:8080 /metrics")

	r := &restarted{plugin: p}
	for _, kind := range departures {
		if !kind.leaves || kind.before != kind.after {
			continue
		}
		r.scraped(t, kind.name+": before", time.Now()) // it was not started in vain
		if err := e.setLiveRestore(kind.before); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(kind.down(p), e.configure(liveRestoreConfig(kind.after)), kind.up(p)); err != nil {
			t.Fatalf("%s: %v", kind.name, err)
		}
		p.finds(t, kind.name, "127.0.0.1:8080 named:8080 /metrics")
	}

	p.disable(t)
	p.set(t, "DOCKER_SOCKET=/dev/null")
	p.enable(t)
	if got, err := p.containers(t); err == nil {
		t.Errorf("a plugin whose socket was taken back finds %v", got)
	}
}

// TestDiscoveredContainer: a container that asks for it by the label of
// examples/prometheus.yml is scraped, and is gone when it is gone.
func TestDiscoveredContainer(t *testing.T) {
	e := sharedEngine(t)
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	serve := "mkdir /www && echo boiler_celsius 95 > /www/metrics.txt && exec busybox httpd -f -p 127.0.0.1:" + port + " -h /www"
	e.mustDocker(t, "run", "--detach", "--net", "host", "--name", "boiler",
		"--label", "metrics.port="+port, "--label", "metrics.path=/metrics.txt", busyboxImage, "sh", "-c", serve)
	removed := false
	t.Cleanup(func() {
		if !removed {
			e.cleanUp(t, "rm", "--force", "boiler")
		}
	})
	text, err := os.ReadFile(filepath.Join(root, "examples", "prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	job := regexp.MustCompile(`(?ms)^  - job_name: containers\n.*?\n\n`).FindString(string(text))
	if job == "" {
		t.Fatal("the example has no job containers")
	}
	p := installPlugin(t, e)
	p.set(t, "DOCKER_SOCKET="+e.path("docker.sock"), "CONFIG_PATH="+mount(t, map[string]string{
		"prometheus.yml": "global: {scrape_interval: 1s}\nscrape_configs:\n" + strings.ReplaceAll(job, "30s", "1s"),
	}))
	p.enable(t)
	series := `boiler_celsius{job="containers",container="boiler",instance="boiler:` + port + `"}`
	eventually(t, 20*time.Second, "the container is scraped", func() error {
		v, err := p.value(series, time.Now())
		if err == nil && v != 95 {
			err = fmt.Errorf("%s is %g", series, v)
		}
		return err
	})
	e.mustDocker(t, "rm", "--force", "boiler")
	removed = true
	eventually(t, 20*time.Second, "the target is gone", func() error {
		var targets struct{ ActiveTargets []struct{ ScrapePool string } }
		if err := p.api("/api/v1/targets", &targets); err != nil {
			return err
		}
		for _, target := range targets.ActiveTargets {
			if target.ScrapePool == "containers" {
				return errors.New("it is still a target")
			}
		}
		return nil
	})
}

// finds waits until discovery in the plugin finds the named containers.
func (p *plugin) finds(t *testing.T, when string, want ...string) {
	t.Helper()
	eventually(t, backLimit, when, func() error {
		got, err := p.containers(t)
		if diff := cmp.Diff(want, got); err == nil && diff != "" {
			err = fmt.Errorf("containers (-want +got):\n%s", diff)
		}
		return err
	})
}

// containers are address, instance and path of those that the job "containers" of
// examples/prometheus.yml has for its targets, by Prometheus's discovery over the socket
// that the plugin's process sees.
func (p *plugin) containers(t *testing.T) ([]string, error) {
	t.Helper()
	pid, err := p.pid()
	if err != nil {
		return nil, err
	}
	socket := fmt.Sprintf("/proc/%d/root%s", pid, dockerSocket)
	if info, err := os.Stat(socket); err != nil || info.Mode()&os.ModeSocket == 0 {
		return nil, fmt.Errorf("%s is no socket (error: %v)", socket, err)
	}
	sd, relabelling := exampleDiscovery(t)
	if sd.Host != "unix://"+dockerSocket {
		t.Fatalf("the example discovers at %s, want %s", sd.Host, dockerSocket)
	}
	sd.Host, sd.RefreshInterval = "unix://"+socket, model.Duration(200*time.Millisecond)

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	reg := prometheus.NewRegistry()
	metrics, err := discovery.CreateAndRegisterSDMetrics(reg)
	if err != nil {
		return nil, err
	}
	var log strings.Builder
	m := discovery.NewManager(ctx, slog.New(slog.NewTextHandler(&log, nil)), reg, metrics, discovery.Updatert(10*time.Millisecond))
	done := make(chan error, 1)
	go func() { done <- m.Run() }()
	defer func() { cancel(); <-done }()
	if err := m.ApplyConfig(map[string]discovery.Configs{"docker": {sd}}); err != nil {
		return nil, err
	}
	for {
		select {
		case <-ctx.Done():
			cancel()
			<-done
			done <- nil
			return nil, fmt.Errorf("nothing is discovered: %s", log.String())
		case groups := <-m.SyncCh():
			var found []string
			for _, g := range groups["docker"] {
				for _, target := range g.Targets {
					b := labels.NewBuilder(labels.EmptyLabels())
					b.Set("__metrics_path__", "/metrics")
					for name, value := range target {
						b.Set(string(name), string(value))
					}
					if relabel.ProcessBuilder(b, relabelling...) {
						found = append(found, b.Get("__address__")+" "+b.Get("instance")+" "+b.Get("__metrics_path__"))
					}
				}
			}
			if len(found) > 0 {
				slices.Sort(found)
				return found, nil
			}
		}
	}
}

// exampleDiscovery is the discovery and the relabelling of that job.
func exampleDiscovery(t *testing.T) (*moby.DockerSDConfig, []*relabel.Config) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "examples", "prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Jobs []struct {
			Name      string                 `yaml:"job_name"`
			Discovery []*moby.DockerSDConfig `yaml:"docker_sd_configs"`
			Relabel   []*relabel.Config      `yaml:"relabel_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, job := range file.Jobs {
		if job.Name == "containers" && len(job.Discovery) == 1 {
			for _, c := range job.Relabel {
				c.NameValidationScheme = model.UTF8Validation
			}
			return job.Discovery[0], job.Relabel
		}
	}
	t.Fatal("the example has no job containers")
	return nil, nil
}

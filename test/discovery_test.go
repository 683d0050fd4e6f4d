package test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/moby"
)

// dockerSocket is where configuration files expect the engine's API.
const dockerSocket = "/var/run/docker.sock"

// TestDockerSocket: the plugin has no API socket of its engine until it is given
// that, and then a fresh one after each restart of the engine.
func TestDockerSocket(t *testing.T) {
	e := ownEngine(t, liveRestoreConfig(true))
	named := e.mustDocker(t, "run", "--detach", "--net", "none", "--restart", "always",
		"--label", "scrape=yes", "--name", "named", busyboxImage, "sleep", "3600")
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
	p.finds(t, "at first", "/named")

	r := &restarted{plugin: p}
	for _, kind := range departures {
		r.scraped(t, kind.name+": before", time.Now()) // it was not started in vain
		if err := e.setLiveRestore(kind.before); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(kind.down(p), e.configure(liveRestoreConfig(kind.after)), kind.up(p)); err != nil {
			t.Fatalf("%s: %v", kind.name, err)
		}
		p.finds(t, kind.name, "/named")
	}

	p.disable(t)
	p.set(t, "DOCKER_SOCKET=/dev/null")
	p.enable(t)
	if got, err := p.containers(t); err == nil {
		t.Errorf("a plugin whose socket was taken back finds %v", got)
	}
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

// containers are those with the label scrape=yes, by Prometheus's discovery over the
// socket that the plugin's process sees.
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
	sd := moby.DefaultDockerSDConfig
	sd.Host, sd.RefreshInterval = "unix://"+socket, model.Duration(200*time.Millisecond)
	sd.Filters = []moby.Filter{{Name: "label", Values: []string{"scrape=yes"}}}

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
	if err := m.ApplyConfig(map[string]discovery.Configs{"docker": {&sd}}); err != nil {
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
					found = append(found, string(target["__meta_docker_container_name"]))
				}
			}
			if len(found) > 0 {
				slices.Sort(found)
				return found, nil
			}
		}
	}
}

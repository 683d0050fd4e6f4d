package scrape

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	_ "github.com/prometheus/prometheus/discovery/moby" // docker_sd_configs
	"github.com/prometheus/prometheus/model/labels"
)

// TestJobsFollowFiles: targets come and go with what files list. One that cannot be
// read keeps its targets, and until it can be read for the first time nobody knows
// what they are.
func TestJobsFollowFiles(t *testing.T) {
	t.Parallel()
	one := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "one 1\n") })
	two := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "two 2\n") })
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first.yml"), filepath.Join(dir, "second.json")
	write(t, first, "- targets: ["+host(one)+"]\n  labels: {job: given, hostile: \"a\\\"b\\n{}\\u00e9\"}\n")
	write(t, second, `[{"targets": `)
	_, _, reports := runJobs(t, configured(t, often+`- {job_name: files, file_sd_configs: [{files: [%q, %q], refresh_interval: 200ms}]}`,
		filepath.Join(dir, "*.yml"), second), nil)
	unknown := until(t, reports, "the job waits", func(r Report) bool { return r.Waiting })
	if unknown.Names != nil || !unknown.Labels.IsEmpty() {
		t.Errorf("%+v, want any labels and names of a job whose files are not read", unknown)
	}
	gone := func(target string) func(Report) bool {
		return func(r Report) bool { return r.Gone && r.Target == target }
	}
	from := func(u string) func(Report) bool {
		return func(r Report) bool {
			if r.Gone {
				t.Errorf("%+v, but its discovery has not answered", r)
			}
			return r.Up && r.Labels.Get("instance") == host(u)
		}
	}
	up := until(t, reports, "one is up", from(one))
	if up.Labels.Get("job") != "given" || up.Labels.Get("hostile") != "a\"b\n{}é" {
		t.Errorf("labels %v", up.Labels)
	}
	write(t, second, `[{"targets": ["`+host(two)+`"]}]`)
	until(t, reports, "the job is known", gone(unknown.Target))
	known := until(t, reports, "two is up", from(two))
	write(t, second, `nonsense`)
	for range 20 { // a second, in which the files are read
		until(t, reports, "two is still up", from(two))
	}
	if err := os.Remove(second); err != nil {
		t.Fatal(err)
	}
	until(t, reports, "two is gone", gone(known.Target))
	write(t, first, "[]")
	until(t, reports, "one is gone", gone(up.Target))
}

// TestJobOfFilesThatAreNot waits for nothing.
func TestJobOfFilesThatAreNot(t *testing.T) {
	_, _, reports := runJobs(t, configured(t, often+`- {job_name: files, file_sd_configs: [{files: [%q]}]}`, filepath.Join(t.TempDir(), "*.yml")), nil)
	until(t, reports, "there is nothing to wait for", func(r Report) bool { return r.Gone && r.Target == "files/" })
}

// docker is what a Docker engine says of containers, as far as discovery asks.
type docker struct {
	containers atomic.Value // string: JSON; "" fails, and no value hangs
}

func (d *docker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Api-Version", "1.48")
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasSuffix(r.URL.Path, "/containers/json"):
		switch list := d.containers.Load(); list {
		case nil:
			<-r.Context().Done()
		case "":
			w.WriteHeader(http.StatusInternalServerError)
		default:
			fmt.Fprint(w, list)
		}
	case strings.HasSuffix(r.URL.Path, "/networks"):
		fmt.Fprint(w, `[{"Id": "n", "Name": "bridge"}]`)
	}
}

// container is one that listens at the address of u.
func container(u string) map[string]any {
	at, _ := url.Parse(u)
	return map[string]any{
		"Id": "c1", "Names": []string{"/app"}, "Image": "app:1", "Labels": map[string]string{"com.example.scrape": "yes"},
		"Ports":           []any{map[string]any{"PrivatePort": json.Number(at.Port()), "Type": "tcp"}},
		"HostConfig":      map[string]any{"NetworkMode": "bridge"},
		"NetworkSettings": map[string]any{"Networks": map[string]any{"bridge": map[string]any{"NetworkID": "n", "IPAddress": at.Hostname()}}},
	}
}

// TestJobsFollowDocker: until the engine answers, all of the job waits. One that fails
// later keeps its containers.
func TestJobsFollowDocker(t *testing.T) {
	t.Parallel()
	app := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "app 1\n") })
	engine := &docker{}
	api := serve(t, engine.ServeHTTP)
	list := func(containers ...map[string]any) string {
		text, err := json.Marshal(append([]map[string]any{}, containers...))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	j, _, reports := runJobs(t, configured(t, often+`
- job_name: containers
  docker_sd_configs: [{host: %q, refresh_interval: 300ms}]
  relabel_configs:
  - {source_labels: [__meta_docker_container_label_com_example_scrape], regex: "yes", action: keep}
  - {source_labels: [__meta_docker_container_name], regex: /(.+), target_label: name}
`, api), func(o *JobsOptions) {
		o.Stored = func(ls labels.Labels) ([]string, bool) { return []string{"app"}, ls.Get("job") == "containers" }
	})
	waits := until(t, reports, "the job waits", func(r Report) bool { return r.Waiting })
	if waits.Job != "containers" || waits.Labels.String() != `{job="containers"}` || waits.Names == nil || !waits.Names("app") || waits.Names("other") {
		t.Errorf("%+v, want all of the job, with the names that are stored", waits)
	}
	unlabelled := container(app)
	unlabelled["Id"], unlabelled["Labels"] = "c2", nil
	engine.containers.Store(list(container(app), unlabelled))
	target := until(t, reports, "the target waits", func(r Report) bool {
		if r.Gone {
			t.Error("the job is known before its targets are")
		}
		return r.Waiting && r.Target != waits.Target
	})
	until(t, reports, "the job is known", func(r Report) bool { return r.Gone && r.Target == waits.Target })
	up := until(t, reports, "the container is up", isUp)
	if up.Target != target.Target || up.Labels.Get("name") != "app" || j.Dropped()["containers"] != 1 {
		t.Errorf("%+v, %v dropped, want the target that waited, with its name, and one dropped", up, j.Dropped())
	}
	engine.containers.Store("")
	for range 20 {
		until(t, reports, "it is still up", func(r Report) bool {
			if r.Gone {
				t.Errorf("%+v, but the engine does not say so", r)
			}
			return r.Up
		})
	}
	engine.containers.Store(list())
	until(t, reports, "it is gone", func(r Report) bool { return r.Gone && r.Target == up.Target })
}

// TestChangedDiscoveryKeepsTargets: one that was changed, and does not answer yet, keeps
// the targets of the one before it.
func TestChangedDiscoveryKeepsTargets(t *testing.T) {
	t.Parallel()
	app := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "app 1\n") })
	silent := serve(t, (&docker{}).ServeHTTP)
	file := filepath.Join(t.TempDir(), "f.json")
	write(t, file, `[{"targets": ["`+host(app)+`"]}]`)
	j, _, reports := runJobs(t, configured(t, often+`- {job_name: j, file_sd_configs: [{files: [%q]}]}`, file), nil)
	up := until(t, reports, "it is up", isUp)
	if err := j.Apply(configured(t, often+`- {job_name: j, docker_sd_configs: [{host: %q}]}`, silent)); err != nil {
		t.Fatal(err)
	}
	until(t, reports, "the job waits", func(r Report) bool { return r.Waiting && r.Target == "j/" })
	for range 150 { // seconds, as many as the managers take to hand on what has changed
		until(t, reports, "it is still up", func(r Report) bool {
			if r.Gone && r.Target == up.Target {
				t.Fatal("it is gone, but its discovery has not said so")
			}
			return r.Up && r.Target == up.Target
		})
	}
}

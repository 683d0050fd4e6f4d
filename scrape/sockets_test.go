package scrape

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shortDir is a directory whose sockets have paths that a system takes.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "scrape")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// serveSocket serves h on a socket, over TLS if tls, and tells its path and
// certificate.
func serveSocket(t *testing.T, path string, tls bool, h http.HandlerFunc) (certificate *httptest.Server) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(h)
	srv.Listener.Close()
	srv.Listener = l
	if tls {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return srv
}

// TestJobsScrapeSockets: an address may be a socket, wherever it comes from; each is
// its own target; schemes, paths and credentials are those of the job.
func TestJobsScrapeSockets(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	path := func(name string) string { return filepath.Join(dir, name) }
	for i, name := range []string{"a", "b", "c", "d"} {
		serveSocket(t, path(name), false, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "socket{path=%q} %d\n", r.URL.Path, i)
		})
	}
	serveSocket(t, path("tls"), true, func(w http.ResponseWriter, r *http.Request) {
		if user, pw, _ := r.BasicAuth(); user != "u" || pw != "p" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		fmt.Fprint(w, "socket 5\n")
	})
	found := path("found.json")
	write(t, found, fmt.Sprintf(`[{"targets": ["unix://%s", "unix://%s"]}]`, path("a"), path("b")))
	j, st, reports := runJobs(t, configured(t, often+`
- job_name: found
  metrics_path: /m
  file_sd_configs: [{files: [%q]}]
- job_name: relabelled
  static_configs: [{targets: [c], labels: {instance: mine}}]
  relabel_configs: [{source_labels: [__address__], target_label: __address__, replacement: "unix://%s/$1"}]
- job_name: labelled
  static_configs: [{targets: [localhost], labels: {__unix_socket__: %q}}, {targets: ["localhost:1"], labels: {__unix_socket__: %q}}]
- job_name: secured
  scheme: https
  basic_auth: {username: u, password: p}
  tls_config: {insecure_skip_verify: true}
  static_configs: [{targets: [localhost], labels: {__unix_socket__: %q}}]
`, found, dir, path("d"), path("c"), path("tls")), nil)
	want := map[string]float64{}
	for _, s := range []struct {
		job, instance, path string
		v                   float64
	}{
		{"found", path("a"), "/m", 0}, {"found", path("b"), "/m", 1}, {"relabelled", "mine", "/metrics", 2},
		{"labelled", "localhost", "/metrics", 3}, {"labelled", "localhost:1", "/metrics", 2},
	} {
		want[fmt.Sprintf(`{__name__="socket", instance=%q, job=%q, path=%q}`, s.instance, s.job, s.path)] = s.v
		until(t, reports, s.job+" "+s.instance+" is up", func(r Report) bool {
			return r.Up && r.Labels.Get("job") == s.job && r.Labels.Get("instance") == s.instance
		})
	}
	want[`{__name__="socket", instance="localhost", job="secured"}`] = 5
	until(t, reports, "secured is up", func(r Report) bool { return r.Up && r.Job == "secured" })
	if diff := cmp.Diff(want, last(t, st, "socket")); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if got := j.Targets()[0]; got.URL != "unix://"+path("a") || got.Instance != path("a") || got.Health != "up" {
		t.Errorf("status %+v", got)
	}
}

// TestSocketThatIsNoTarget: a host that stands for a socket is never one of the
// network.
func TestSocketThatIsNoTarget(t *testing.T) {
	c := newConnections(nil, NewJobs(JobsOptions{}).socket)
	if conn, err := c.connect(t.Context(), "tcp", "1234"+socketDomain+":80"); err == nil || conn != nil {
		t.Errorf("connected to %v", conn.RemoteAddr())
	}
}

// write replaces a file at once, as an editor does.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".tmp", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		t.Fatal(err)
	}
}

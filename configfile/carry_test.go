package configfile

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
)

// check writes files and checks c.yml among them, as Tocsin does.
func check(t *testing.T, dir string, files map[string]string) File {
	t.Helper()
	put(t, dir, files)
	return Check(filepath.Join(dir, "c.yml"), asTocsin)
}

// targets are the addresses of a job's static targets.
func targets(f File, job string) (out []string) {
	for _, s := range f.Config.ScrapeConfigs {
		if s.JobName != job {
			continue
		}
		for _, c := range s.ServiceDiscoveryConfigs {
			static, _ := c.(discovery.StaticConfig)
			for _, group := range static {
				for _, target := range group.Targets {
					out = append(out, string(target[model.AddressLabel]))
				}
			}
		}
	}
	return out
}

// A socket may be a target however it is written, and nothing else changes by it.
func TestSockets(t *testing.T) {
	f := check(t, t.TempDir(), map[string]string{
		"c.yml": `
scrape_configs:
  - job_name: node # unix:///run/comment.sock
    params: {path: ["unix:///run/param.sock"]}
    static_configs:
      - targets: [unix:///run/a.sock, 'unix:///run/ä b.sock', "unix:///run/c.sock", a:1]
        labels: {socket: unix:///run/label.sock}
      - targets:
          - unix:///run/d.sock # again
          - ünix:///x:1
    relabel_configs:
      - {source_labels: [__address__], regex: "unix:///run/(.*)", target_label: socket}
`,
	})
	if len(f.Problems) > 0 {
		t.Fatal(f.Problems)
	}
	want := []string{"unix:///run/a.sock", "unix:///run/ä b.sock", "unix:///run/c.sock", "a:1", "unix:///run/d.sock", "ünix:///x:1"}
	if got := targets(f, "node"); !slices.Equal(want, got) {
		t.Errorf("want %q, got %q", want, got)
	}
	if text := f.Config.String(); strings.Contains(text, hiddenSlash) || strings.Count(text, "unix:///run/") != 7 {
		t.Errorf("changed:\n%s", text)
	}
}

// A socket that an alias shares with what is no target is refused, as nobody could
// say what is meant; and Prometheus's own verdict is not touched by sockets.
func TestSocketsThatAreNone(t *testing.T) {
	const job = "scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: "
	for _, content := range []string{
		job + "&s [unix:///run/a.sock]\n  params: {x: *s}\n",
		"# " + hiddenSlash + "\n" + job + "[unix:///run/a.sock]\n",
	} {
		f := check(t, t.TempDir(), map[string]string{"c.yml": content})
		if len(f.Problems) != 1 || !strings.Contains(f.Problems[0].Msg, `"unix:///run/a.sock" is not a valid hostname`) {
			t.Errorf("got %v of\n%s", f.Problems, content)
		}
	}
	dir := t.TempDir()
	put(t, dir, map[string]string{"c.yml": "scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: [unix:///run/a.sock]\n"})
	if f := Check(filepath.Join(dir, "c.yml"), Options{}); len(f.Problems) != 1 {
		t.Errorf("Prometheus refuses sockets, we say %v", f.Problems)
	}
}

// The jobs of other files are those of the configuration, with paths relative to
// their own file.
func TestScrapeConfigFiles(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, beside)
	f := check(t, dir, map[string]string{"c.yml": "global: {scrape_interval: 7s}\nscrape_config_files: [good-jobs.yml, 'sub/ok*.yml', 'no/*.yml']\nscrape_configs: [{job_name: own}]\n"})
	if len(f.Problems) > 0 {
		t.Fatal(f.Problems)
	}
	jobs, err := f.Config.GetScrapeConfigs()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range jobs {
		names = append(names, s.JobName)
		if s.ScrapeInterval != model.Duration(7*time.Second) {
			t.Errorf("job %s is scraped every %v", s.JobName, s.ScrapeInterval)
		}
	}
	if want := []string{"own", "good", "ok"}; !slices.Equal(want, names) {
		t.Errorf("want jobs %v, got %v", want, names)
	}
	if got, want := jobs[2].HTTPClientConfig.Authorization.CredentialsFile, filepath.Join(dir, "sub/token"); got != want {
		t.Errorf("want the token in %s, got %s", want, got)
	}
	if got := targets(f, "ok"); !slices.Equal(got, []string{"unix:///run/ok.sock"}) {
		t.Errorf("targets %q", got)
	}
	if len(f.Warnings) != 1 || f.Warnings[0].Field != "scrape_config_files[2]" {
		t.Errorf("warnings %v", f.Warnings)
	}
}

func TestEvaluationInterval(t *testing.T) {
	for content, want := range map[string]time.Duration{
		"":                                  0,
		"global:":                           0,
		"global: {scrape_interval: 5s}":     0,
		"global: {evaluation_interval: 0s}": 0,
		"global: {evaluation_interval: 1m}": time.Minute,
		"global: {scrape_interval: &i 7s, evaluation_interval: *i}": 7 * time.Second,
	} {
		if f := check(t, t.TempDir(), map[string]string{"c.yml": content}); f.EvaluationInterval != want || len(f.Problems) > 0 {
			t.Errorf("%s: want %v, got %v %v", content, want, f.EvaluationInterval, f.Problems)
		}
	}
}

// Whatever makes another configuration, or another verdict, is a change. What others
// watch is none.
func TestChanged(t *testing.T) {
	const main = `
rule_files: ['rules/*.yml', rules/one.yml]
scrape_config_files: ['jobs/*.yml']
scrape_configs:
  - job_name: a
    authorization: {credentials_file: token}
    file_sd_configs: [{files: [targets.yml, bad.yml]}]
    tls_config: {ca_file: ca.pem}
`
	dir := t.TempDir()
	f := check(t, dir, map[string]string{
		"c.yml": main, "jobs/b.yml": "scrape_configs: [{job_name: b}]", "targets.yml": "[]", "bad.yml": "a", "ca.pem": "x", "rules/two.yml": "groups: []",
	})
	seen := map[string]bool{f.Fingerprint: true}
	for _, step := range []struct {
		name, content string
		change        bool
	}{
		{"c.yml", main, false},
		{"targets.yml", "- targets: [a:1]", false},
		{"rules/two.yml", "groups: [ ]", false},
		{"rules/three.yml", "groups: []", false},
		{"rules/one.yml", "groups: []", true}, // was missing, which is a problem
		{"rules/one.yml", "groups: [ ]", false},
		{"token", "x", true},
		{"token", "y", false},
		{"bad.yml", "- targets: [a:1]", true}, // was bad, which is a problem
		{"bad.yml", "[]", false},
		{"ca.pem", "y", true},
		{"jobs/b.yml", "scrape_configs: [{job_name: bb}]", true},
		{"jobs/c.yml", "scrape_configs: [{job_name: c}]", true},
		{"c.yml", main + "# more", true},
	} {
		put(t, dir, map[string]string{step.name: step.content})
		if f.Changed() != step.change {
			t.Errorf("%s: changed is %v", step.name, !step.change)
		}
		f = Check(f.Path, asTocsin)
		if f.Changed() {
			t.Errorf("%s: changed just after it was read", step.name)
		}
		if seen[f.Fingerprint] == step.change {
			t.Errorf("%s: another fingerprint is %v, want %v", step.name, !seen[f.Fingerprint], step.change)
		}
		seen[f.Fingerprint] = true
	}
	if missing := Check(filepath.Join(dir, "none.yml"), asTocsin); missing.Changed() || seen[missing.Fingerprint] {
		t.Error("a file that is not there changes")
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{
		"both/tocsin.yml": "", "both/prometheus.yaml": "", "none/other.yml": "", "dir/prometheus.yml/x": "", "dir/prometheus.yaml": "", "own.yml": "",
	})
	for path, want := range map[string]string{
		"both": "both/prometheus.yaml", "none": "", "dir": "dir/prometheus.yaml", "own.yml": "own.yml", "missing": "missing",
	} {
		got, ok := Find(filepath.Join(dir, path))
		if want != "" {
			want = filepath.Join(dir, want)
		}
		if got != want || ok != (want != "") {
			t.Errorf("%s: want %q, got %q %v", path, want, got, ok)
		}
	}
	if got, ok := Find(""); ok {
		t.Errorf("no path: got %q", got)
	}
}

// What an alias or a merge brings is looked at as if it were written out, and an
// alias of aliases of aliases takes neither memory nor time.
func TestAliases(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("global: &a {scrape_interval: 5s}\n")
	for c := 'a'; c < 'z'; c++ {
		fmt.Fprintf(&bomb, "x%c: &%c {a: *%c, b: *%c}\n", c, c+1, c, c)
	}
	for content, want := range map[string]string{
		bomb.String(): "aliases",
		"scrape_configs: &s [{job_name: a, params: *s}]": "",
		"scrape_configs:\n- &a {job_name: a, scrape_failure_log_file: x}\n- {<<: *a, job_name: b}\n- {<<: [*a], job_name: docker}": "scrape_configs[2].job_name",
	} {
		f := check(t, t.TempDir(), map[string]string{"c.yml": content})
		if len(f.Problems) == 0 || !strings.Contains(show(f.Problems), want) {
			t.Errorf("want %q, got %v", want, f.Problems)
		}
	}
}

package configfile

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/config"

	"github.com/tocsin/tocsin/rules"
)

var update = flag.Bool("update", false, "write the golden files anew")

func seeds(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in testdata: %v", err)
	}
	return paths
}

func show(problems []rules.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		p.File = filepath.Base(p.File)
		fmt.Fprintln(&b, p.Error())
	}
	return b.String()
}

// reference is Prometheus's verdict; a crash is a refusal.
func reference(path string) (cfg *config.Config, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return config.LoadFile(path, false, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

// Each testdata/*.yml has a golden file beside it with what a person would read,
// and Prometheus's verdict.
func TestGolden(t *testing.T) {
	for _, path := range seeds(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f := Check(path, Options{SyntaxOnly: true})
			_, err := reference(path)
			if (err == nil) != (len(f.Problems) == 0) {
				t.Errorf("Prometheus says %v, we say %v", err, f.Problems)
			}
			golden := strings.TrimSuffix(path, ".yml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(show(f.Problems)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), show(f.Problems)); diff != "" {
				t.Errorf("-want +got (run with -update to accept)\n%s", diff)
			}
		})
	}
}

// The files that a configuration names are looked at.
func TestNamedFiles(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"dir/in.txt": "", "rules/a.yml": "groups: []", "rules/b.yml": "groups: []", "there": "x",
		"targets.yml": "- targets: [a:1]\n  lables: {a: b}\n", "targets.json": `[null]`, "good.json": `[{"targets":["a:1"]}]`,
		"scrape.yml": "scrape_configs:\n- job_name: node\n",
		"c.yml": `
global:
  scrape_interval: 10m
  query_log_file: query.log
rule_files: ['rules/*.yml', rules/b.yml, rules/c.yml, 'no/*.yml', dir]
scrape_config_files: [scrape.yml]
alerting:
  alertmanagers:
    - basic_auth: {username: u, password_file: no/password}
      file_sd_configs: [{files: [good.json]}]
scrape_configs:
  - job_name: node
    authorization: {credentials_file: no/token}
    tls_config: {ca_file: no/ca, cert_file: there, key_file: no/key}
    file_sd_configs: [{files: [targets.yml, targets.json, no.json]}]
  - job_name: fast
    scrape_interval: 1m
`,
	} {
		put(t, dir, map[string]string{name: content})
	}
	f := Check(filepath.Join(dir, "c.yml"), Options{Lookback: 5 * time.Minute})
	got := strings.ReplaceAll(show(f.Problems)+"--\n"+show(f.Warnings)+"--\n"+strings.Join(f.RuleFiles, "\n"), dir+"/", "")
	want := `c.yml:5:42: rule_files[2]: there is no rule file rules/c.yml (hint: paths are relative to the directory of this file)
c.yml:5:67: rule_files[4]: dir is a directory (hint: name the files in it: dir/*.yml)
c.yml:13:39: scrape_configs[0].authorization.credentials_file: no/token: there is no such file
c.yml:14:62: scrape_configs[0].tls_config.key_file: no/key: there is no such file
targets.yml:2: lables: unknown field
targets.json: a target group is empty
scrape.yml:2:3: scrape_configs[0].job_name: found multiple scrape configs with job name "node", the first one in c.yml (hint: give each of them a name of its own)
--
c.yml:3:20: global.scrape_interval: job "node" is scraped every 10m, and a sample counts for less than 5m: queries see gaps (hint: 2m or less leaves room for a lost scrape)
c.yml:5:55: rule_files[3]: no/*.yml matches no rule file (hint: paths are relative to the directory of this file)
c.yml:9:48: alerting.alertmanagers[0].basic_auth.password_file: no/password: there is no such file
c.yml:14:27: scrape_configs[0].tls_config.ca_file: no/ca: there is no such file
c.yml:15:59: scrape_configs[0].file_sd_configs[0].files[2]: no.json matches no file with targets
--
rules/a.yml
rules/b.yml`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if f := Check(filepath.Join(dir, "c.yml"), Options{SyntaxOnly: true}); len(f.Problems)+len(f.Warnings) > 0 {
		t.Errorf("only syntax: got %v %v", f.Problems, f.Warnings)
	}
	for _, path := range []string{dir, dir + "/missing.yml"} {
		if f := Check(path, Options{}); len(f.Problems) != 1 || f.Config != nil {
			t.Errorf("%s: got %v", path, f.Problems)
		}
	}
}

// A large file with many errors takes seconds, not hours.
func TestLocateEnds(t *testing.T) {
	var b strings.Builder
	b.WriteString("scrape_configs:\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "  - job_name: j%d\n    scrape_interval: 5s\n    static_configs:\n      - targets: ['a:1']\n", i%700)
	}
	path := filepath.Join(t.TempDir(), "c.yml")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	f := Check(path, Options{})
	// Some are found, and then the time is up.
	twice := slices.IndexFunc(f.Problems, func(p rules.Problem) bool { return p.Pos.Line == 4*700+2 })
	if twice < 0 || len(f.Problems) < 5 {
		t.Errorf("got %v", f.Problems)
	}
	t.Logf("%d problems in %v", len(f.Problems), time.Since(start))
}

// FuzzCheck checks that our verdict is Prometheus's, that as Tocsin we carry nothing
// that Prometheus refuses but sockets, and that positions lie in the file.
func FuzzCheck(f *testing.F) {
	for _, path := range seeds(f) {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(content))
	}
	paths, err := filepath.Glob("testdata/wrong/*.txt")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		inputs, _ := wrong(f, path)
		for _, input := range inputs {
			f.Add(input)
		}
	}
	f.Fuzz(func(t *testing.T, content string) {
		if len(content) > 4<<10 {
			t.Skip("larger inputs are slower, not richer")
		}
		path := filepath.Join(t.TempDir(), "c.yml")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		file := Check(path, Options{SyntaxOnly: true})
		if _, err := reference(path); (err == nil) != (len(file.Problems) == 0) {
			t.Errorf("Prometheus says %v, we say %v", err, file.Problems)
		}
		ours := Check(path, Options{SyntaxOnly: true, Carried: true, Reserved: asTocsin.Reserved})
		if ours.Config == nil && len(ours.Problems) == 0 {
			t.Error("refused without a word")
		}
		if sockets := strings.Contains(content, "unix:"); len(ours.Problems) == 0 && len(file.Problems) > 0 && !sockets {
			t.Errorf("Prometheus refuses with %v what we carry", file.Problems)
		}
		breaks := 0 // as YAML counts them
		for _, r := range content {
			if strings.ContainsRune("\n\r\u0085\u2028\u2029", r) {
				breaks++
			}
		}
		for _, p := range slices.Concat(file.Problems, ours.Problems) {
			if p.Pos.Line > breaks+1 || p.Msg == "" {
				t.Errorf("malformed problem %#v", p)
			}
		}
	})
}

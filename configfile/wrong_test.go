package configfile

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/config"
)

// asTocsin is how the daemon and check config read a file.
var asTocsin = Options{Carried: true, Reserved: []string{"docker", "tocsin"}, Lookback: 5 * time.Minute}

// beside are the files that those of testdata/wrong name.
var beside = map[string]string{
	"typo.yml":        "scrape_configs:\n- job_name: x\n  scrape_interva: 5s\n",
	"target.yml":      "scrape_configs:\n- job_name: x\n  static_configs:\n  - targets: ['http://a']\n",
	"taken.yml":       "scrape_configs:\n- job_name: node\n",
	"reserved.yml":    "scrape_configs:\n- job_name: tocsin\n",
	"empty.yml":       "scrape_configs:\n- job_name: x\n- \n",
	"syntax.yml":      "scrape_configs: [\n",
	"sub/cert.yml":    "scrape_configs:\n- job_name: x\n  tls_config: {cert_file: ../there.pem, key_file: key.pem}\n",
	"sub/log.yml":     "scrape_configs:\n- job_name: x\n  scrape_failure_log_file: x\n",
	"there.pem":       "no certificate",
	"targets.yml":     "- targets: a\n",
	"targets.json":    "[null]",
	"sub/rules.yml":   "groups: []\n",
	"good-jobs.yml":   "scrape_configs:\n- job_name: good\n",
	"sub/token":       "x",
	"sub/ok-jobs.yml": "scrape_configs:\n- job_name: ok\n  bearer_token_file: token\n  static_configs:\n  - targets: ['unix:///run/ok.sock']\n",
}

// put writes files below a directory.
func put(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// wrong are the configurations of a file of testdata/wrong, each with the line that
// somebody reads about it.
func wrong(t testing.TB, path string) (inputs, lines []string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(strings.TrimSpace(string(content)), "\n\n") {
		input, line, ok := strings.Cut(block+"\n", "\n=> ")
		if !ok {
			t.Fatalf("%s: no answer in\n%s", path, block)
		}
		inputs, lines = append(inputs, input+"\n"), append(lines, strings.TrimSpace(line))
	}
	return inputs, lines
}

// wholeFile are problems of a file, not of a field.
var wholeFile = []string{"not valid YAML", "a second document", "must be a mapping", "an alias"}

// Every section wrong in turn: one problem, with its line and its field.
func TestWrong(t *testing.T) {
	paths, err := filepath.Glob("testdata/wrong/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	dir := t.TempDir()
	put(t, dir, beside)
	sections := map[string]int{}
	for _, path := range paths {
		inputs, want := wrong(t, path)
		var blocks, got []string
		for _, input := range inputs {
			put(t, dir, map[string]string{"c.yml": input})
			f := Check(filepath.Join(dir, "c.yml"), asTocsin)
			if len(f.Problems) != 1 {
				t.Errorf("want one problem, got %v of\n%s", f.Problems, input)
				continue
			}
			p := f.Problems[0]
			section, _, _ := strings.Cut(withoutIndex(p.Field), ".")
			sections[section]++
			line := strings.ReplaceAll(strings.TrimSpace(show(f.Problems)), dir+"/", "")
			if strings.Contains(line, "hunter2") {
				t.Errorf("a secret in %q", line)
			}
			whole := false
			for _, s := range wholeFile {
				whole = whole || strings.Contains(p.Msg, s)
			}
			if p.File == filepath.Join(dir, "c.yml") && (p.Pos.Line == 0 || p.Field == "" && !whole) {
				t.Errorf("no line or no field in %q, of\n%s", line, input)
			}
			got = append(got, line)
			blocks = append(blocks, input+"=> "+line+"\n")
		}
		if *update {
			if err := os.WriteFile(path, []byte(strings.Join(blocks, "\n")), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got (run with -update to accept)\n%s", path, diff)
		}
	}
	for name := range fieldsOf(reflect.TypeFor[config.Config]()) {
		if sections[name] == 0 {
			t.Errorf("no file is wrong in section %s", name)
		}
	}
}

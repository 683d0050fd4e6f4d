package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/rules/lint"
)

// invoke runs a command line.
func invoke(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = command(t.Context(), args, console{func(string) string { return "" }, &out, &errs})
	return code, out.String(), errs.String()
}

// promtool is the exit code that promtool documents for one rule file, and the
// number of rules that it finds.
func promtool(path string, duplicates, fatal, lax bool) (code, rules int) {
	defer func() {
		if r := recover(); r != nil {
			code = exitFailure // a crash of Prometheus's reader is a refusal
		}
	}()
	groups, errs := rulefmt.ParseFile(path, lax, model.UTF8Validation, parser.NewParser(parser.Options{}),
		slog.New(slog.NewTextHandler(io.Discard, nil)))
	if len(errs) > 0 {
		return exitFailure, 0
	}
	seen := map[string]bool{}
	twice := false
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			rules++
			b := labels.NewBuilder(labels.FromMap(g.Labels))
			for name, value := range r.Labels {
				b.Set(name, value)
			}
			key := r.Alert + r.Record + b.Labels().String()
			twice = twice || seen[key]
			seen[key] = true
		}
	}
	if twice && duplicates && fatal {
		return exitLint, rules
	}
	return exitOK, rules
}

// ruleFiles are the files of other tests: good ones, broken ones and traps.
func ruleFiles(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"../../rules/testdata/*.yml", "../../rules/lint/testdata/*.yml", "../../configfile/testdata/*.yml", "../../examples/rules/*.yml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("no files %s: %v", pattern, err)
		}
		all = append(all, paths...)
	}
	return all
}

// The exit code of check rules is promtool's for promtool's own lints.
func TestCheckRulesHasPromtoolsVerdict(t *testing.T) {
	codes := map[int]int{}
	for _, path := range ruleFiles(t) {
		for _, flags := range []struct {
			args                   []string
			duplicates, fatal, lax bool
		}{
			{nil, true, false, false},
			{[]string{"--lint=none", "--lint-fatal"}, false, true, false},
			{[]string{"--lint=duplicate-rules", "--lint-fatal"}, true, true, false},
			{[]string{"--lint=duplicate-rules", "--lint-fatal", "--ignore-unknown-fields"}, true, true, true},
		} {
			want, count := promtool(path, flags.duplicates, flags.fatal, flags.lax)
			got, stdout, stderr := invoke(t, append([]string{"check", "rules", path}, flags.args...)...)
			if got != want {
				t.Errorf("%s %v: promtool exits with %d, we with %d\n%s", path, flags.args, want, got, stderr)
			}
			if says := fmt.Sprintf("SUCCESS: %d rules found", count); want == exitOK && !strings.Contains(stdout, says) {
				t.Errorf("%s %v: want %q, got %q", path, flags.args, says, stdout)
			}
			codes[got]++
		}
	}
	if codes[exitOK] < 10 || codes[exitFailure] < 10 || codes[exitLint] < 2 {
		t.Errorf("the files are too much alike: %v", codes)
	}
}

// So is that of check config for what a Prometheus is to run.
func TestCheckConfigHasPromtoolsVerdict(t *testing.T) {
	codes := map[int]int{}
	for _, path := range ruleFiles(t) {
		if strings.Contains(path, "crash") {
			continue // Prometheus does not survive it
		}
		want := exitOK
		if _, err := config.LoadFile(path, false, slog.New(slog.NewTextHandler(io.Discard, nil))); err != nil {
			want = exitFailure
		}
		got, _, stderr := invoke(t, "check", "config", "--prometheus", "--syntax-only", path)
		if got != want {
			t.Errorf("%s: promtool exits with %d, we with %d\n%s", path, want, got, stderr)
		}
		codes[got]++
	}
	if codes[exitOK] < 4 || codes[exitFailure] < 10 {
		t.Errorf("the files are too much alike: %v", codes)
	}
}

// What an instance may answer, and what is told about it.
func TestCheckAgainst(t *testing.T) {
	vector := func(series string) string {
		return `{"status":"success","data":{"resultType":"vector","result":[` + series + `]}}`
	}
	one := vector(`{"metric":{},"value":[0,"1"]}`)
	for _, tt := range []struct {
		name, expr string
		answers    [][2]string // what a query contains, and the answer to the first that does
		status     int
		code       int
		want       string
	}{
		{"matches", "up > 0", [][2]string{{"group(up)", one}}, 200, exitOK, ""},
		{"matched yesterday", "up > 0", [][2]string{{"[1d]", one}}, 200, exitOK,
			"up matches no series now, but did within the last day"},
		{"only together", `up{a="b",c="d"} > 0`, [][2]string{{`up"})`, one}, {`up",a="b"})`, one}, {`up",c="d"})`, one}}, 200, exitOK,
			"none for all of them together"},
		{"values", `up{a=~"b+"} > 0`, [][2]string{
			{"group by (a)", vector(`{"metric":{"a":"x"}},{"metric":{}},{"metric":{"a":"w"}}`)}, {`up"})`, one},
		}, 200, exitOK, `no series of up has a=~"b+"` + "\n    hint: there a is w, x\n"},
		{"any name", `{a="b"} > 0`, nil, 200, exitOK, `{a="b"} matches no series` + "\n"},
		{"no metric", `upp > 0`, nil, 200, exitOK, "there is no metric upp\n    hint: is its target scraped?"},
		{"refused", "up > 0", nil, 401, exitFailure, "answers with status 401 Unauthorized\n    hint: put the credentials into the URL"},
		{"error", "up > 0", [][2]string{{"up", `{"status":"error","error":"out of memory"}`}}, 422, exitFailure, "out of memory"},
		{"no API", "up > 0", [][2]string{{"up", "<html>"}}, 200, exitFailure, "something else than JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasPrefix(r.URL.Path, "/prefix/api/v1/query") {
					http.NotFound(w, r)
					return
				}
				w.WriteHeader(tt.status)
				for _, a := range tt.answers {
					if strings.Contains(r.FormValue("query"), a[0]) {
						io.WriteString(w, a[1])
						return
					}
				}
				if tt.status == 200 {
					io.WriteString(w, vector(""))
				}
			}))
			defer server.Close()
			path := filepath.Join(t.TempDir(), "r.yml")
			content := "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: '" + tt.expr + "'\n"
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			code, _, stderr := invoke(t, "check", "rules", "--against", server.URL+"/prefix/", path)
			if code != tt.code || !strings.Contains(stderr, tt.want) || tt.want == "" && stderr != "" {
				t.Errorf("want %d %q, got %d\n%s", tt.code, tt.want, code, stderr)
			}
		})
	}
}

// check ends when it is told to, in the middle of a question.
func TestCheckAgainstEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() }))
	defer server.Close()
	var out, errs bytes.Buffer
	code := command(ctx, []string{"check", "rules", "--against", server.URL, "../../examples/rules/docker.yml"},
		console{func(string) string { return "" }, &out, &errs})
	if code != exitFailure {
		t.Errorf("want %d, got %d: %s", exitFailure, code, errs.String())
	}
}

func TestInstanceAddress(t *testing.T) {
	got := map[string]string{}
	for _, in := range []string{"http://a:1", "https://u:p@a/x", "a:9090", "unix:///x", "http://", "://"} {
		i, err := newInstance(in)
		if err != nil {
			got[in] = err.Error()
			continue
		}
		got[in] = i.String()
	}
	want := map[string]string{
		"http://a:1": "http://a:1", "https://u:p@a/x": "https://u:xxxxx@a/x",
		"a:9090":    `"a:9090" is no URL, did you mean http://a:9090?`,
		"unix:///x": `"unix:///x" is no URL: expected http://host:port`,
		"http://":   `"http://" is no URL: expected http://host:port`,
		"://":       `"://" is no URL: expected http://host:port`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// The documentation has every lint.
func TestLintsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lint.All {
		if !strings.Contains(string(doc), "| `"+l.Name+"` |") {
			t.Errorf("docs/check.md lacks %s: %s", l.Name, l.About)
		}
	}
}

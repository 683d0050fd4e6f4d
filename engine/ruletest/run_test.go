package ruletest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/rules"
	"github.com/tocsin/tocsin/storage"
)

var update = flag.Bool("update", false, "write the golden files anew")

// stores makes the storage of one test after the other.
func stores(t testing.TB) func() (Storage, func() error, error) {
	dir := t.TempDir()
	return func() (Storage, func() error, error) {
		s := storage.New(storage.Options{Dir: dir, Memory: true, BlockDuration: math.MaxInt64})
		return s, func() error { return s.Close(context.Background()) }, s.Open()
	}
}

// testdata lists the files in testdata that match, of which there must be some.
func testdata(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no testdata/%s: %v", pattern, err)
	}
	return paths
}

// runText runs a file of unit tests in a directory with the rule files of
// testdata.
func runText(t testing.TB, text string, opts Options) Result {
	t.Helper()
	dir := t.TempDir()
	for _, from := range testdata(t, "*.yml") {
		content, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(from)), content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "t.yml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if opts.NewStorage == nil {
		opts.NewStorage = stores(t)
	}
	return Run(t.Context(), path, opts)
}

// Each of these files has a golden file beside it that shows all that is said.
func TestGolden(t *testing.T) {
	for _, name := range []string{"pass", "fail", "bad", "meaning", "rulefiles", "warnings", "extra"} {
		t.Run(name, func(t *testing.T) {
			golden := filepath.Join("testdata", name+".golden")
			got := show(Run(t.Context(), filepath.Join("testdata", name+".yml"), Options{NewStorage: stores(t)}))
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got (run with -update to accept)\n%s", diff)
			}
		})
	}
}

func show(res Result) string {
	var b strings.Builder
	for _, p := range res.Warnings {
		fmt.Fprintln(&b, "warning:", p)
	}
	for _, p := range res.Problems {
		fmt.Fprintln(&b, p)
	}
	for _, test := range res.Tests {
		fmt.Fprintf(&b, "test %q: %d failures\n", test.Title, len(test.Failures))
		for _, f := range test.Failures {
			fmt.Fprintln(&b, f)
			if f.Err == nil {
				fmt.Fprintln(&b, f.Diff(false))
			}
		}
	}
	fmt.Fprintln(&b, "ok:", res.OK())
	return b.String()
}

func TestOnlyNamedTestsCount(t *testing.T) {
	path := filepath.Join("testdata", "meaning.yml")
	for _, tt := range []struct {
		only string
		ok   bool
		ran  int
	}{
		{"fine", true, 1},
		{"fine|series", false, 0},
		{"^f", true, 1},
		{"nobody", true, 0},
	} {
		res := Run(t.Context(), path, Options{NewStorage: stores(t), Only: regexp.MustCompile(tt.only)})
		if res.OK() != tt.ok || len(res.Tests) != tt.ran {
			t.Errorf("--run %s: ok %v, %d tests ran; want %v, %d", tt.only, res.OK(), len(res.Tests), tt.ok, tt.ran)
		}
	}
}

func TestIgnoreUnknownFields(t *testing.T) {
	path := filepath.Join("testdata", "extra.yml")
	res := Run(t.Context(), path, Options{NewStorage: stores(t), IgnoreUnknownFields: true})
	if !res.OK() || len(res.Tests) != 1 {
		t.Errorf("want one test that passes, got\n%s", show(res))
	}
	// Fields of the test files themselves are never passed over.
	res = runText(t, "tests: [{foo: 1}]", Options{IgnoreUnknownFields: true})
	if res.OK() {
		t.Error("an unknown field of a test is passed over")
	}
}

func TestDump(t *testing.T) {
	res := runText(t, `
rule_files: [alerts.yml]
tests:
- input_series: [{series: 'up{instance="a"}', values: 0x9}]
  promql_expr_test: [{expr: up, eval_time: 1500ms, exp_samples: [{labels: 'up{instance="a"}'}]}]
`, Options{Dump: true})
	want := `{__name__="ALERTS", alertname="Always", alertstate="firing", team="edge"} =>
1 @[0]
{__name__="ALERTS", alertname="Down", alertstate="pending", instance="a", severity="page", site="", team="edge"} =>
`
	// An empty label is none, but here, as in Prometheus, as it was written.
	want = strings.ReplaceAll(want, `site=""`, `site="{{ $externalLabels.site }}"`)
	if !res.OK() || !strings.HasPrefix(res.Tests[0].Dump, want) || !strings.HasSuffix(res.Tests[0].Dump, "{__name__=\"up\", instance=\"a\"} =>\n0 @[0]") {
		t.Errorf("ok %v, got\n%s", res.OK(), res.Tests[0].Dump)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	res := Run(ctx, filepath.Join("testdata", "pass.yml"), Options{NewStorage: stores(t)})
	if res.Failed() != len(res.Tests) || !strings.Contains(show(res), `pass.yml:10:5: test "alerts": interrupted`) {
		t.Errorf("got\n%s", show(res))
	}
}

// brokenStore fails in one place.
type brokenStore struct {
	Storage
	appends, commits bool
}

var errBroken = errors.New("broken")

func (s *brokenStore) AppenderV2(ctx context.Context) promstorage.AppenderV2 {
	return &brokenAppender{s.Storage.AppenderV2(ctx), s}
}

type brokenAppender struct {
	promstorage.AppenderV2
	store *brokenStore
}

func (a *brokenAppender) Append(ref promstorage.SeriesRef, ls labels.Labels, st, at int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, o promstorage.AOptions) (promstorage.SeriesRef, error) {
	if a.store.appends {
		return 0, errBroken
	}
	return a.AppenderV2.Append(ref, ls, st, at, v, h, fh, o)
}

func (a *brokenAppender) Commit() error {
	if a.store.commits {
		return errors.Join(errBroken, a.Rollback())
	}
	return a.AppenderV2.Commit()
}

// TestStorageFaults: whatever breaks, the test has failed, says why, and leaves
// nothing behind.
func TestStorageFaults(t *testing.T) {
	for _, tt := range []struct {
		name       string
		mk, remove error
		store      brokenStore
		want       string
	}{
		{name: "make", mk: errBroken, want: "make storage: broken"},
		{name: "remove", remove: errBroken, want: "remove storage: broken"},
		{name: "append", store: brokenStore{appends: true}, want: `store input series {__name__="up"}: broken`},
		{name: "commit", store: brokenStore{commits: true}, want: "store input series: broken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			made, removed := 0, 0
			mk := stores(t)
			res := runText(t, "tests: [{input_series: [{series: up, values: 1}]}]", Options{NewStorage: func() (Storage, func() error, error) {
				if tt.mk != nil {
					return nil, nil, tt.mk
				}
				made++
				s, remove, err := mk()
				b := tt.store
				b.Storage = s
				return &b, func() error { removed++; return errors.Join(remove(), tt.remove) }, err
			}})
			if res.OK() || !strings.Contains(show(res), `t.yml:1:9: test "unnamed#0"`) || !strings.Contains(show(res), tt.want) {
				t.Errorf("want %q, got\n%s", tt.want, show(res))
			}
			if made != removed {
				t.Errorf("%d stores made, %d removed", made, removed)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	res := Run(t.Context(), "nosuch.yml", Options{NewStorage: stores(t)})
	if got := show(res); !strings.HasPrefix(got, "nosuch.yml: there is no such file or directory") || res.OK() {
		t.Errorf("got\n%s", got)
	}
	if !errors.Is(res.Problems[0], os.ErrNotExist) {
		t.Error("the cause is lost")
	}
}

func TestDiffColors(t *testing.T) {
	f := Failure{File: "f", Pos: rules.Position{Line: 1, Column: 2}, Test: "t", What: "w", Want: []string{"a", "b", "c"}, Got: []string{"a", "x", "c", "d"}}
	want := "f:1:2: test \"t\", w, eval_time 0s (- expected, + got)\n      a\n\x1b[31m    - b\x1b[0m\n\x1b[32m    + x\x1b[0m\n      c\n\x1b[32m    + d\x1b[0m"
	if diff := cmp.Diff(want, f.Diff(true)); diff != "" {
		t.Error(diff)
	}
}

// TestDiffOfLongTexts must not make a table of all lines by all lines.
func TestDiffOfLongTexts(t *testing.T) {
	a, b := make([]string, 3000), make([]string, 3000)
	for i := range a {
		a[i], b[i] = fmt.Sprint(i), fmt.Sprint(i+1)
	}
	if got := diff(a, b); len(got) != 6000 || got[0].sign != '-' || got[5999].sign != '+' {
		t.Errorf("%d edits", len(got))
	}
	if got := diff(a[:1000], b[:1000]); len(got) != 1001 {
		t.Errorf("%d edits, want 1001", len(got))
	}
}

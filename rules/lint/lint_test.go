package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin/tocsin/rules"
)

func everything(t testing.TB) Options {
	t.Helper()
	s, err := Select("all")
	if err != nil {
		t.Fatal(err)
	}
	return Options{Interval: 15 * time.Second, ScrapeInterval: 15 * time.Second, Selection: s}
}

func seeds(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in testdata: %v", err)
	}
	return paths
}

// Each testdata/*.yml has a golden file beside it with what a person would read.
func TestGolden(t *testing.T) {
	found := map[string]bool{}
	for _, path := range seeds(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			file := rules.Parse(filepath.Base(path), content)
			if len(file.Problems) > 0 {
				t.Fatal(file.Problems)
			}
			var b strings.Builder
			for _, p := range New(everything(t), file.Groups).File(&file) {
				fmt.Fprintf(&b, "%s [%s]\n", p.Error(), p.Lint)
				found[p.Lint] = true
				if p.Group == "fine" {
					t.Errorf("false alarm: %v", p)
				}
			}
			golden := strings.TrimSuffix(path, ".yml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("-want +got (run with -update to accept)\n%s", diff)
			}
		})
	}
	for _, l := range All {
		if elsewhere := l.Name == NoSeries || l.Name == LongScrape || l.Name == MissingFile; found[l.Name] == elsewhere {
			t.Errorf("lint %s: found in testdata: %v", l.Name, found[l.Name])
		}
	}
}

// The rules that run where users have none are an example in this as well.
func TestExamplesAreClean(t *testing.T) {
	set := rules.Load("../../examples/rules")
	if len(set.Files) == 0 || len(set.AllProblems()) > 0 {
		t.Fatalf("examples: %d files, %v", len(set.Files), set.AllProblems())
	}
	l := New(everything(t), set.Groups())
	for i := range set.Files {
		for _, p := range l.File(&set.Files[i]) {
			t.Errorf("%v [%s]", p, p.Lint)
		}
	}
}

func TestSelect(t *testing.T) {
	for _, tt := range []struct {
		in        string
		duplicate bool
		shortFor  bool
		err       string
	}{
		{"", false, false, ""},
		{"all", true, true, ""},
		{"none", false, false, ""},
		{"duplicate-rules", true, false, ""},
		{"-duplicate-rules", false, true, ""},
		{"all, -short-for", true, false, ""},
		{"short-for,all,none,duplicate-rules", true, false, ""},
		{"none,-short-for", false, false, ""},
		{"duplicate-rule", false, false, `unknown lint "duplicate-rule", did you mean "duplicate-rules"?`},
		{"-xyzzy-plugh", false, false, `unknown lint "xyzzy-plugh"; there are all, none, duplicate-rules`},
		{"-all", false, false, ""},
	} {
		s, err := Select(tt.in)
		if got := fmt.Sprint(err); tt.err != "" && !strings.HasPrefix(got, tt.err) || tt.err == "" && err != nil {
			t.Errorf("%q: want error %q, got %v", tt.in, tt.err, err)
		}
		if s.Has(DuplicateRules) != tt.duplicate || s.Has(ShortFor) != tt.shortFor {
			t.Errorf("%q: got %v", tt.in, s)
		}
	}
}

// FuzzFile checks that no rule file makes a lint panic or point outside.
func FuzzFile(f *testing.F) {
	for _, path := range append(seeds(f), "../testdata/good.yml", "../testdata/promql.yml") {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	opts := everything(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 8<<10 {
			t.Skip("larger inputs are slower, not richer")
		}
		file := rules.Parse("f.yml", content)
		for _, p := range New(opts, file.Groups).File(&file) {
			if p.Pos.Line < 0 || p.Pos.Line > len(file.Lines()) || p.Lint == "" || p.Msg == "" {
				t.Errorf("malformed finding %#v", p)
			}
		}
	})
}

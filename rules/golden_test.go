package rules

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Each testdata/*.yml has a golden file beside it that shows what a person
// would read, and what runs.
func TestGolden(t *testing.T) {
	for _, path := range seeds(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			file := Options{}.parse(filepath.Base(path), content)
			checkInvariants(t, file, content)
			golden := strings.TrimSuffix(path, ".yml") + ".golden"
			got := show(file)
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
			if ok, errs := prometheusAccepts(content); ok != (len(file.Problems) == 0) {
				t.Errorf("Prometheus accepts: %v %v", ok, errs)
			}
		})
	}
}

// seeds lists the test files, of which there must be some.
func seeds(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in testdata: %v", err)
	}
	return paths
}

func show(file File) string {
	var b strings.Builder
	for _, p := range file.Problems {
		fmt.Fprintln(&b, p.Error())
	}
	for _, p := range file.Warnings {
		fmt.Fprintln(&b, "warning:", p.Error())
	}
	for _, g := range file.Groups {
		fmt.Fprintf(&b, "runs: group %q", g.Name)
		for _, r := range g.Rules {
			fmt.Fprintf(&b, ", %s", r.Name())
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

package plan

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

var (
	loadLine = regexp.MustCompile(`^load(?:_with_nhcb)?\s+(\S+)$`)
	evalLine = regexp.MustCompile(`^eval(?:_\w+)?\s+instant\s+at\s+(\S+)\s+(.+)$`)
)

// TestConformance evaluates the instant queries of Prometheus's own tests of PromQL
// in both ways, over the samples that stand there. What they expect is not read:
// the engine has passed these tests.
func TestConformance(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/prometheus/prometheus").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "promql", "promqltest", "testdata", "*.test"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files of tests, %v", len(files), err)
	}
	queries, answered := 0, 0
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			q, a := conformance(t, strings.Split(string(content), "\n"))
			t.Logf("%d of %d queries answered by the plan", a, q)
			queries, answered = queries+q, answered+a
		})
	}
	t.Logf("%d of %d queries answered by the plan", answered, queries)
	if queries < 1800 || answered < 700 {
		t.Errorf("of %d queries %d were answered by the plan, and compared: too few", queries, answered)
	}
}

func conformance(t *testing.T, lines []string) (queries, answered int) {
	w := newConformanceWorld(t)
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		if line == "clear" {
			answered += w.answered
			w = newConformanceWorld(t)
		}
		if m := loadLine.FindStringSubmatch(line); m != nil {
			from := i + 1
			for i+1 < len(lines) && strings.TrimSpace(lines[i+1]) != "" {
				i++
			}
			w.load(m[1], lines[from:i+1])
		}
		m := evalLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		at, err := model.ParseDuration(m[1])
		if err != nil {
			continue
		}
		queries++
		w.compare(w.rules(m[2])[0], time.UnixMilli(0).Add(time.Duration(at)))
	}
	return queries, answered + w.answered
}

func newConformanceWorld(t *testing.T) *world {
	return newWorld(t, func(o *Options) { o.MaxReach = 1_000_000 * time.Hour })
}

// load writes series as the test files describe them, each at a step.
func (w *world) load(step string, lines []string) {
	w.t.Helper()
	every, err := model.ParseDuration(step)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '@' {
			continue
		}
		ls, values, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(line)
		if err != nil {
			continue // something about start timestamps, which we do not store
		}
		app := w.AppenderV2(w.t.Context())
		for i, v := range values {
			if !v.Omitted {
				_, _ = app.Append(0, ls, 0, int64(i)*time.Duration(every).Milliseconds(), v.Value, nil, v.Histogram, storage.AOptions{})
			}
		}
		if err := app.Commit(); err != nil {
			w.t.Fatal(err)
		}
	}
}

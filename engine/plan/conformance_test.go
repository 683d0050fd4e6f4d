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
	loadLine  = regexp.MustCompile(`^load(?:_with_nhcb)?\s+(\S+)$`)
	evalLine  = regexp.MustCompile(`^eval(?:_\w+)?\s+instant\s+at\s+(\S+)\s+(.+)$`)
	rangeLine = regexp.MustCompile(`^eval(?:_\w+)?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)$`)
)

// rangeSteps is how many of the moments of a range query are evaluated.
const rangeSteps = 20

// TestConformance evaluates the queries of Prometheus's own tests of PromQL in both
// ways, over the samples that stand there. What they expect is not read: the engine
// has passed these tests.
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
	if queries < 3500 || answered < 950 {
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
		expr, moments := evaluations(line)
		if len(moments) == 0 {
			continue
		}
		r := w.rules(expr)[0]
		for _, at := range moments {
			queries++
			w.compare(r, at)
		}
	}
	return queries, answered + w.answered
}

// evaluations gives the expression of a line, and the moments at which to evaluate it.
func evaluations(line string) (expr string, moments []time.Time) {
	at := func(text string) time.Time {
		d, err := model.ParseDuration(text)
		if err != nil {
			return time.Time{}
		}
		return time.UnixMilli(0).Add(time.Duration(d))
	}
	if m := evalLine.FindStringSubmatch(line); m != nil {
		if t := at(m[1]); !t.IsZero() {
			return m[2], []time.Time{t}
		}
	}
	if m := rangeLine.FindStringSubmatch(line); m != nil {
		from, to, step := at(m[1]), at(m[2]), at(m[3]).Sub(time.UnixMilli(0))
		for t := from; !t.After(to) && step > 0 && len(moments) < rangeSteps; t = t.Add(step) {
			moments = append(moments, t)
		}
		return m[4], moments
	}
	return "", nil
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

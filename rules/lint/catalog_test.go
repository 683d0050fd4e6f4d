package lint

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

var update = flag.Bool("update", false, "write engine.txt and the golden files anew")

// recorded are the payloads of real engines.
func recorded(t *testing.T) map[string]map[string]*dto.MetricFamily {
	t.Helper()
	paths, err := filepath.Glob("../../scrape/testdata/docker-*.txt")
	if err != nil || len(paths) < 2 {
		t.Fatalf("payloads: %v %v", paths, err)
	}
	out := map[string]map[string]*dto.MetricFamily{}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(f)
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out[path] = families
	}
	return out
}

// compact is one metric as a line of engine.txt, without its labels.
func compact(f *dto.MetricFamily) string {
	kind := strings.ToLower(f.GetType().String())
	if kind != "histogram" {
		return f.GetName() + " " + kind
	}
	top := 0.0
	for _, b := range f.GetMetric()[0].GetHistogram().GetBucket() {
		if b.GetUpperBound() < 1e300 {
			top = max(top, b.GetUpperBound())
		}
	}
	return f.GetName() + " " + kind + " " + strconv.FormatFloat(top, 'g', -1, 64)
}

// The catalog is what the recorded engines expose.
func TestCatalogIsWhatWasRecorded(t *testing.T) {
	lines := map[string]string{}               // by name
	values := map[string]map[string][]string{} // by name and label
	for _, families := range recorded(t) {
		for name, f := range families {
			if !slices.ContainsFunc(append([]string{"etcd_", "containerd_"}, enginePrefixes...),
				func(p string) bool { return strings.HasPrefix(name, p) }) {
				continue
			}
			lines[name] = compact(f)
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					if slices.Contains(closedLabels, l.GetName()) {
						if values[name] == nil {
							values[name] = map[string][]string{}
						}
						values[name][l.GetName()] = append(values[name][l.GetName()], l.GetValue())
					}
				}
			}
		}
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		b.WriteString(lines[name])
		for _, label := range slices.Sorted(maps.Keys(values[name])) {
			all := values[name][label]
			slices.Sort(all)
			fmt.Fprintf(&b, " %s=%s", label, strings.Join(slices.Compact(all), ","))
		}
		b.WriteString("\n")
	}
	if *update {
		if err := os.WriteFile("engine.txt", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(engineMetrics, b.String()); diff != "" {
		t.Errorf("engine.txt is not what was recorded: -it +recorded (run with -update to accept)\n%s", diff)
	}
}

// Whatever an engine exposes is known, with its labels; nothing else is.
func TestLookup(t *testing.T) {
	count := 0
	for path, families := range recorded(t) {
		for name, f := range families {
			if !strings.HasPrefix(name, "engine_daemon_") && !strings.HasPrefix(name, "swarm_") {
				continue
			}
			if f.GetType() == dto.MetricType_HISTOGRAM {
				if _, ok := lookup(name); ok {
					t.Errorf("%s: %s is a histogram, and no series", path, name)
				}
				name += "_bucket"
			}
			count++
			if _, ok := lookup(name); !ok {
				t.Errorf("%s: %s is unknown", path, name)
			}
		}
	}
	if count < 80 {
		t.Errorf("only %d metrics were looked for", count)
	}
	for _, name := range []string{"", "engine_daemon", "engine_daemon_events_total_sum", "engine_daemon_image_actions_seconds", "_bucket"} {
		if _, ok := lookup(name); ok {
			t.Errorf("%q is known", name)
		}
	}
	if m, ok := lookup("engine_daemon_image_actions_seconds_sum"); !ok || m.top != 10 || len(m.values["action"]) != 4 {
		t.Errorf("image actions: got %v %+v", ok, m)
	}
}

package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tocsin/tocsin/"

// allowed is the graph of our own packages: every arrow points away from cmd.
// Stages meet at interfaces of Prometheus or at funcs, never at each other.
var allowed = map[string][]string{
	"alert":                       {},
	"api":                         {}, // types for others to read: no more than the standard library
	"rules":                       {},
	"rules/lint":                  {"rules"},
	"configfile":                  {"rules", "rules/lint"},
	"scrape":                      {},
	"timeline":                    {},
	"storage":                     {},
	"plugin":                      {},
	"examples":                    {},
	"docs/runbooks":               {},
	"journal":                     {"alert"},
	"remotewrite":                 {},
	"notify":                      {"alert"},
	"engine/plan":                 {},
	"engine":                      {"engine/plan", "rules", "alert"},
	"engine/explain":              {"api", "engine", "rules", "alert"},
	"engine/history":              {},
	"engine/replay":               {"engine", "engine/history", "rules", "alert"},
	"engine/ruletest":             {"engine", "rules", "alert"},
	"engine/internal/randomrules": {"rules"}, // for tests alone
	"web":                         {"api", "engine", "engine/explain", "engine/history", "rules", "alert"},
	"cli":                         {"api"}, // what anybody could write who reads docs/api.md
	"cmd/tocsin":                  {"alert", "api", "cli", "rules", "rules/lint", "configfile", "scrape", "timeline", "storage", "plugin", "examples", "docs/runbooks", "journal", "notify", "remotewrite", "engine", "engine/plan", "engine/replay", "engine/ruletest", "web"},
	"test":                        {},
	"test/internal/process":       {},
	"test/smalldisk":              {},
	"test/disk":                   {},
	"test/faults":                 {},
	"test/browser":                {},
	"test/cluster":                {},
	"bench":                       {},                            // it knows processes, so that two builds can be compared
	"bench/fleet":                 {"engine", "notify", "rules"}, // ten thousand processes are more than a machine runs
}

// fences are imports that belong to one package alone.
var fences = []struct{ path, owner, why string }{
	{"github.com/prometheus/prometheus/tsdb", "storage", "who opens a file of the TSDB beside storage corrupts it"},
	{"github.com/prometheus/alertmanager/api/v2/client", "notify", "two senders would order states of one alert differently"},
	{"github.com/prometheus/prometheus/scrape", "scrape", "what is scraped elsewhere has no commit to follow"},
	{"go.etcd.io/bbolt", "journal", "what must outlive the process has one owner"},
	{"github.com/prometheus/prometheus/rules", "", "we are the rule engine; tests compare with Prometheus's"},
	{"github.com/prometheus/prometheus/web", "", "it brings the rest of Prometheus with it: 14 MB of binary"},
	{"github.com/prometheus/prometheus/storage/remote", "", "it initialises OpenTelemetry's data, gRPC and SDKs of clouds: 2.6 MB of binary"},
	{"github.com/prometheus/prometheus/notifier", "", "it drops what it cannot send"},
}

// subpackages of fences that carry no state, and may be used anywhere.
var harmless = []string{"github.com/prometheus/prometheus/tsdb/chunkenc"}

func TestImportGraph(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", module+"...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg, imports := strings.TrimPrefix(fields[0], module), fields[1:]
		may, known := allowed[pkg]
		if !known {
			t.Errorf("package %s has no place in the graph: add it to allowed, and to ARCHITECTURE.md", pkg)
		}
		seen++
		for _, imp := range imports {
			if domain, _, _ := strings.Cut(imp, "/"); pkg == "api" && strings.Contains(domain, ".") {
				t.Errorf("api imports %s: whoever reads our API should need nothing but these types", imp)
			}
			if ours, ok := strings.CutPrefix(imp, module); ok && !slices.Contains(may, ours) {
				t.Errorf("%s imports %s: stages meet in cmd/tocsin/run.go, at a func or an interface of Prometheus", pkg, ours)
			}
			for _, f := range fences {
				if pkg != f.owner && (imp == f.path || strings.HasPrefix(imp, f.path+"/")) && !slices.Contains(harmless, imp) {
					t.Errorf("%s imports %s, which belongs to %q: %s", pkg, imp, f.owner, f.why)
				}
			}
		}
	}
	if seen < len(allowed) {
		t.Errorf("go list found %d packages, the graph has %d", seen, len(allowed))
	}
}

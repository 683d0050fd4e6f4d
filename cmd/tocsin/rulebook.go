package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/examples"
	"github.com/tocsin/tocsin/rules"
)

// rulebook is what the user wrote, as it was last read, and for each file the
// last version without a problem.
type rulebook struct {
	path    string
	self    bool // Tocsin's own rules run too
	log     *slog.Logger
	metrics rulebookMetrics

	mu   sync.Mutex
	set  rules.Set                // guarded by mu
	good map[string][]rules.Group // guarded by mu
	// instead is what runs in the place of a file with problems.
	instead map[string]string // guarded by mu
	at      time.Time         // guarded by mu: when set was read
}

func newRulebook(path string, self bool, log *slog.Logger, reg prometheus.Registerer) *rulebook {
	return &rulebook{
		path: path, self: self, log: log.With("component", "rules"),
		metrics: newRulebookMetrics(reg), good: map[string][]rules.Group{},
	}
}

// bundled is before the names of the rule files inside the binary.
const bundled = "bundled:"

// read gives the user's rule files, the bundled ones where there are none, and
// Tocsin's own. Where the place of the files is the problem, a directory that is
// gone or cannot be read, the user has rules all the same: the last good ones.
func (b *rulebook) read() rules.Set {
	set := rules.Load(b.path)
	if len(set.Files) == 0 && (len(set.Problems) == 0 || !b.hasGood()) {
		set.Files = rules.LoadFS(examples.Engine(), bundled).Files
	}
	if b.self {
		set.Files = append(set.Files, rules.LoadFS(examples.Self(), bundled).Files...)
	}
	for i := range set.Files {
		set.Files[i].DropPlaces()
	}
	return set
}

func (b *rulebook) hasGood() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.good) > 0
}

// load reads the rules anew and returns those that are to run: of a file that has
// become bad its last good version, of one that was never good its good rules.
// They are complete unless something that the user wrote could not be read and has
// no good version: what it had firing must not count as removed.
func (b *rulebook) load() (groups []rules.Group, complete bool) {
	set := b.read()
	complete = len(set.Problems) == 0
	b.mu.Lock()
	defer b.mu.Unlock()
	good, instead := map[string][]rules.Group{}, map[string]string{}
	for _, f := range set.Files {
		last, known := b.good[f.Path]
		switch {
		case len(f.Problems) == 0:
			good[f.Path] = f.Groups
			groups = append(groups, f.Groups...)
		case known:
			b.log.Warn("rule file has become bad, its last good version runs on", "file", f.Path)
			good[f.Path], instead[f.Path] = last, "its last good version runs on: "+ruleCount(last)
			groups = append(groups, last...)
		default:
			complete, instead[f.Path] = false, "what is good of it runs: "+ruleCount(f.Groups)
			groups = append(groups, f.Groups...)
		}
	}
	groups = append(groups, b.unreachable(set, good)...)
	b.set, b.good, b.instead, b.at = set, good, instead, time.Now()
	for _, p := range set.AllProblems() {
		b.log.Error("rule rejected", "err", p.Error())
	}
	for _, p := range set.AllWarnings() {
		b.log.Warn("rule is doubtful", "err", p.Error())
	}
	b.metrics.report(set.AllProblems())
	return groups, complete
}

// unreachable gives the last good versions of files that were there, and now
// cannot be looked for. A file that was removed from where we can look is gone.
func (b *rulebook) unreachable(set rules.Set, good map[string][]rules.Group) []rules.Group {
	if len(set.Problems) == 0 {
		return nil
	}
	var paths []string
	for path := range b.good {
		if _, there := good[path]; !there && path[:min(len(path), len(bundled))] != bundled {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	var groups []rules.Group
	for _, path := range paths {
		b.log.Warn("rule file is out of reach, its last good version runs on", "file", path)
		good[path] = b.good[path]
		groups = append(groups, b.good[path]...)
	}
	return groups
}

// fingerprint is of the files of the last load; empty before it.
func (b *rulebook) fingerprint() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.set.Fingerprint
}

// problems are those of the last load.
func (b *rulebook) problems() []rules.Problem {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.set.AllProblems()
}

// inPlaceOf says what runs in the place of a file with problems; empty for others.
func (b *rulebook) inPlaceOf(path string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.instead[path]
}

func ruleCount(groups []rules.Group) string {
	n := 0
	for _, g := range groups {
		n += len(g.Rules)
	}
	return api.CountText(n, "rule")
}

// lastRead is when the rules were last read, and whether all could be used.
func (b *rulebook) lastRead() (at time.Time, good bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at, len(b.set.AllProblems()) == 0
}

// files are those of the user at the last load.
func (b *rulebook) files() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var paths []string
	for _, f := range b.set.Files {
		if !strings.HasPrefix(f.Path, bundled) {
			paths = append(paths, f.Path)
		}
	}
	return paths
}

// rulebookMetrics tell of the last load, under Prometheus's names where it has
// one.
type rulebookMetrics struct {
	problems   *prometheus.GaugeVec
	successful prometheus.Gauge
	last       prometheus.Gauge
}

// maxProblems bounds the series of problems: who has more starts with these.
const maxProblems = 50

func newRulebookMetrics(reg prometheus.Registerer) rulebookMetrics {
	m := rulebookMetrics{
		problems: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tocsin_rule_problem",
			Help: "1 for each problem of the rule files at the last load, 50 at most.",
		}, []string{"file", "line", "problem"}),
		successful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "prometheus_config_last_reload_successful",
			Help: "Whether the last load of the rule files found no problem.",
		}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "prometheus_config_last_reload_success_timestamp_seconds",
			Help: "When the rule files were last loaded without a problem.",
		}),
	}
	reg.MustRegister(m.problems, m.successful, m.last)
	return m
}

func (m rulebookMetrics) report(problems []rules.Problem) {
	m.problems.Reset()
	for _, p := range problems[:min(len(problems), maxProblems)] {
		bare := p
		bare.File, bare.Pos = "", rules.Position{}
		m.problems.WithLabelValues(p.File, strconv.Itoa(p.Pos.Line), fmt.Sprintf("%.300s", bare.Error())).Set(1)
	}
	m.successful.Set(0)
	if len(problems) == 0 {
		m.successful.Set(1)
		m.last.Set(float64(time.Now().UnixMilli()) / 1000)
	}
}

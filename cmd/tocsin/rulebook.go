package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
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
	also ruleConfig               // guarded by mu: of the configuration file
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

// ruleConfig is what a configuration file says of rules.
type ruleConfig struct {
	files    []string      // patterns, beside RULES_PATH
	interval time.Duration // of groups without their own; zero is the engine's
	bad      bool          // the file cannot be used as it is
	// unsure: what it names cannot be known for sure, so what is not there may be.
	unsure bool
}

// configure is to be called before load, when the configuration file has been read.
func (b *rulebook) configure(c ruleConfig) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.also = c
}

// patterns name the rule files that there are to be.
func (b *rulebook) patterns() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{b.path}, b.also.files...)
}

// named reads the user's rule files. A glob of the configuration file may match none,
// as in Prometheus.
func (b *rulebook) named() rules.Set {
	patterns := b.patterns()
	set := rules.Load(patterns[0])
	for _, p := range patterns[1:] {
		more := rules.Load(p)
		for _, f := range more.Files {
			if !slices.ContainsFunc(set.Files, func(have rules.File) bool { return sameFile(have.Path, f.Path) }) {
				set.Files = append(set.Files, f)
			}
		}
		for _, problem := range more.Problems {
			if !strings.ContainsAny(p, "*?[") || !errors.Is(problem.Err, fs.ErrNotExist) {
				set.Problems = append(set.Problems, problem)
			}
		}
	}
	return set
}

// sameFile tells whether two paths name one file, whose rules must not run twice.
func sameFile(a, b string) bool {
	if a == b {
		return true
	}
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// find gives the user's rule files, the bundled ones where there are none, and
// Tocsin's own. Where the place of the files is the problem, a directory that is
// gone or cannot be read, the user has rules all the same: the last good ones.
func (b *rulebook) find() rules.Set {
	set := b.named()
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
	set := b.find()
	b.mu.Lock()
	defer b.mu.Unlock()
	complete = len(set.Problems) == 0 && !b.also.unsure
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
	b.metrics.report(set.AllProblems(), b.also.bad)
	return b.withInterval(groups), complete
}

// withInterval gives groups without an interval that of the configuration file. Called
// with mu held.
func (b *rulebook) withInterval(groups []rules.Group) []rules.Group {
	groups = slices.Clone(groups)
	for i := range groups {
		if groups[i].Interval == 0 {
			groups[i].Interval = b.also.interval
		}
	}
	return groups
}

// unreachable gives the last good versions of files that were there, and now
// cannot be looked for. A file that was removed from where we can look is gone.
func (b *rulebook) unreachable(set rules.Set, good map[string][]rules.Group) []rules.Group {
	if len(set.Problems) == 0 && !b.also.unsure {
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

package main

import (
	"log/slog"
	"sync"

	"github.com/tocsin/tocsin/examples"
	"github.com/tocsin/tocsin/rules"
)

// rulebook is what the user wrote, as it was last read, and for each file the
// last version without a problem.
type rulebook struct {
	path string
	self bool // Tocsin's own rules run too
	log  *slog.Logger

	mu   sync.Mutex
	set  rules.Set                // guarded by mu
	good map[string][]rules.Group // guarded by mu
}

func newRulebook(path string, self bool, log *slog.Logger) *rulebook {
	return &rulebook{path: path, self: self, log: log.With("component", "rules"), good: map[string][]rules.Group{}}
}

// bundled is before the names of the rule files inside the binary.
const bundled = "bundled:"

// read gives the user's rule files, the bundled ones where there are none, and
// Tocsin's own.
func (b *rulebook) read() rules.Set {
	set := rules.Load(b.path)
	if len(set.Files) == 0 {
		set.Files = rules.LoadFS(examples.Engine(), bundled).Files
	}
	if b.self {
		set.Files = append(set.Files, rules.LoadFS(examples.Self(), bundled).Files...)
	}
	return set
}

// load reads the rules anew and returns those that are to run: of a file that has
// become bad its last good version, of one that was never good its good rules.
func (b *rulebook) load() []rules.Group {
	set := b.read()
	b.mu.Lock()
	defer b.mu.Unlock()
	var groups []rules.Group
	for _, f := range set.Files {
		switch last, known := b.good[f.Path]; {
		case len(f.Problems) == 0:
			b.good[f.Path] = f.Groups
			groups = append(groups, f.Groups...)
		case known:
			b.log.Warn("rule file has become bad, its last good version runs on", "file", f.Path)
			groups = append(groups, last...)
		default:
			groups = append(groups, f.Groups...)
		}
	}
	b.set = set
	for _, p := range set.AllProblems() {
		b.log.Error("rule rejected", "err", p.Error())
	}
	for _, p := range set.AllWarnings() {
		b.log.Warn("rule is doubtful", "err", p.Error())
	}
	return groups
}

// problems are those of the last load.
func (b *rulebook) problems() []rules.Problem {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.set.AllProblems()
}

package main

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"

	"github.com/tocsin/tocsin/configfile"
	"github.com/tocsin/tocsin/rules"
	"github.com/tocsin/tocsin/storage"
)

// configbook is the configuration file of CONFIG_PATH as it was last read, and its
// last version without a problem, which is the one that is in effect.
type configbook struct {
	path  string // of the file, or of the directory that it is in; empty: none
	log   *slog.Logger
	gauge *prometheus.GaugeVec

	mu sync.Mutex
	// last is what was last read, good what is in effect; nil while there is none.
	last, good *configfile.File // guarded by mu
	// refused is why a stage runs on with what it had. Guarded by mu.
	refused []rules.Problem
}

func newConfigbook(path string, log *slog.Logger, reg prometheus.Registerer) *configbook {
	b := &configbook{
		path: path, log: log.With("component", "configuration"),
		gauge: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tocsin_config_problem",
			Help: "1 for each problem of the configuration file at the last load, 50 at most.",
		}, []string{"file", "line", "problem"}),
	}
	reg.MustRegister(b.gauge)
	return b
}

// reserved are the jobs of what is scraped whatever the file says.
var reserved = []string{engineJob, selfJob}

// load reads the file anew, and returns the one that is to be in effect: nil as long as
// there is none. A file that has become bad, or that has gone, leaves the last good one
// in effect: what cannot be read is no evidence that nobody is to be told.
func (b *configbook) load() *configfile.File {
	file, there := configfile.Find(b.path)
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.last
	switch {
	case there:
		f := configfile.Check(file, configfile.Options{Carried: true, Reserved: reserved})
		b.last = &f
		if len(f.Problems) == 0 {
			b.good = &f
		}
	case b.good != nil:
		b.last = &configfile.File{Path: b.good.Path, Problems: []rules.Problem{{
			File: b.good.Path, Msg: "the configuration file is gone", Hint: "to run without one, leave an empty file there",
		}}}
	default:
		b.last = nil
	}
	b.refused = nil
	show(b.gauge, b.problemsLocked())
	if b.last == nil || before == nil || b.last.Fingerprint != before.Fingerprint || len(b.last.Problems) != len(before.Problems) {
		b.tell()
	}
	return b.good
}

// refuse notes that a stage does not take its part of the file, and runs on as before.
func (b *configbook) refuse(section string, err error) {
	if err == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := rules.Problem{File: b.path, Msg: section + ": " + err.Error(), Err: err}
	b.refused = append(b.refused, p)
	b.log.Error("configuration rejected, this section runs on as it was", "err", p.Error())
	show(b.gauge, b.problemsLocked())
}

// tell logs what is news. Called with mu held.
func (b *configbook) tell() {
	problems := b.problemsLocked()
	for _, p := range problems {
		b.log.Error("configuration rejected", "err", p.Error())
	}
	if b.last == nil {
		return
	}
	for _, p := range b.last.Warnings {
		b.log.Warn("configuration is doubtful", "err", p.Error())
	}
	switch {
	case len(problems) > 0 && b.good != nil:
		b.log.Warn("configuration file has become bad, its last good version is in effect", "file", b.good.Path)
	case len(problems) == 0:
		b.log.Info("configuration read", "file", b.last.Path)
	}
}

func (b *configbook) problemsLocked() []rules.Problem {
	if b.last == nil {
		return nil
	}
	return append(slices.Clone(b.last.Problems), b.refused...)
}

// problems are those of the last load.
func (b *configbook) problems() []rules.Problem {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.problemsLocked()
}

// inPlace says what is in effect while there are problems.
func (b *configbook) inPlace() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case len(b.refused) > 0:
		return "the rest of the file is in effect"
	case b.good != nil:
		return "its last good version is in effect"
	}
	return "the settings alone are in effect"
}

// patterns name the file, for who watches it.
func (b *configbook) patterns() []string {
	if file, there := configfile.Find(b.path); there {
		return []string{file}
	}
	return nil
}

// changed tells whether load would find something else than it did last: another file,
// or another content of all that the file is made of and needs, as certificates.
func (b *configbook) changed() bool {
	file, there := configfile.Find(b.path)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !there:
		return b.last != nil && b.last.Config != nil
	case b.last == nil || b.last.Path != file:
		return true
	}
	return b.last.Changed()
}

// config is the one in effect; nil while there is none.
func (b *configbook) config() *config.Config {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.good == nil {
		return nil
	}
	return b.good.Config
}

// ruleConfig is what the file in effect says of rules.
func (b *configbook) ruleConfig(s settings) ruleConfig {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := ruleConfig{bad: len(b.problemsLocked()) > 0}
	if b.good == nil {
		return c
	}
	c.files = b.good.Config.RuleFiles
	if !s.isGiven("EVALUATION_INTERVAL") {
		c.interval = b.good.EvaluationInterval
	}
	return c
}

// retention is what is kept: as the settings say, else as the file does.
func (s settings) retention(c config.StorageConfig) storage.Retention {
	keep := storage.Retention{Time: s.retentionTime, Size: s.retentionSize}
	if c.TSDBConfig == nil || c.TSDBConfig.Retention == nil {
		return keep
	}
	if t := time.Duration(c.TSDBConfig.Retention.Time); t > 0 && !s.isGiven("RETENTION_TIME") {
		keep.Time = t
	}
	if n := int64(c.TSDBConfig.Retention.Size); n > 0 && !s.isGiven("RETENTION_SIZE") {
		keep.Size = max(n, leastRetention)
	}
	return keep
}

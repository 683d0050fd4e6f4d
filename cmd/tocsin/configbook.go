package main

import (
	"log/slog"
	"path/filepath"
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
	copy  configCopy
	log   *slog.Logger
	gauge *prometheus.GaugeVec

	mu sync.Mutex
	// last is what was last read, good what is in effect; nil while there is none.
	last, good *configfile.File // guarded by mu
	// refused is why a stage runs on with what it had. Guarded by mu.
	refused []rules.Problem
}

func newConfigbook(s settings, log *slog.Logger, reg prometheus.Registerer) *configbook {
	b := &configbook{
		path: s.configPath, copy: configCopy{filepath.Join(s.dataPath, configCopyFile)}, log: log.With("component", "configuration"),
		gauge: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tocsin_config_problem",
			Help: "1 for each problem of the configuration file at the last load, 50 at most.",
		}, []string{"file", "line", "problem"}),
	}
	reg.MustRegister(b.gauge)
	return b
}

// load reads the file anew, and returns the one that is to be in effect: nil as long as
// there is none. A file that has become bad, or that has gone, leaves the last good one
// in effect, also that of the process before: what cannot be read is no evidence that
// nobody is to be told. It is for one goroutine at a time. The place of an error may take
// seconds to find, in which page and scrapes go on.
func (b *configbook) load() *configfile.File {
	b.mu.Lock()
	before, good := b.last, b.good
	b.mu.Unlock()
	last := b.read(good)
	switch {
	case last == nil:
	case len(last.Problems) == 0:
		good = last
		if err := b.copy.keep(good.Path, good.Content); err != nil {
			b.log.Warn("the configuration is not kept for the next start", "err", err)
		}
	case good == nil && b.copy.original() == last.Path:
		// Its problems can be of files alone that it names and that are gone too: the
		// stages that need none of them go on.
		if f := b.check(last.Path, b.copy.path); f.Config != nil {
			good = &f
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last, b.good, b.refused = last, good, nil
	show(b.gauge, b.problemsLocked())
	if last != nil && (before == nil || last.Fingerprint != before.Fingerprint || len(last.Problems) != len(before.Problems)) {
		b.tell()
	}
	return good
}

func (b *configbook) check(path, instead string) configfile.File {
	return configfile.Check(path, configfile.Options{Carried: true, Reserved: reservedJobs, Instead: instead})
}

// read gives what there is now; nil where there was none before either, of which good is
// in effect.
func (b *configbook) read(good *configfile.File) *configfile.File {
	if b.path == "" {
		if err := b.copy.drop(); err != nil {
			b.log.Warn("the configuration of an earlier start stays", "err", err)
		}
		return nil
	}
	if file, there := configfile.Find(b.path); there {
		f := b.check(file, "")
		return &f
	}
	gone := b.copy.original()
	if good != nil {
		gone = good.Path
	}
	if gone == "" || filepath.Dir(gone) != filepath.Clean(b.path) {
		return nil
	}
	return &configfile.File{Path: gone, Problems: []rules.Problem{{
		File: gone, Msg: "the configuration file is gone", Hint: "set CONFIG_PATH again; to run without a file, leave an empty one there",
	}}}
}

// refuse notes that a stage does not take its part of the file, and runs on as before.
func (b *configbook) refuse(section string, err error) {
	if err == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := rules.Problem{File: b.path, Msg: section + ": " + err.Error(), Err: err}
	if slices.ContainsFunc(b.refused, func(have rules.Problem) bool { return have.Msg == p.Msg }) {
		return
	}
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
	last := b.last
	b.mu.Unlock()
	switch {
	case !there:
		return last != nil && last.Config != nil
	case last == nil || last.Path != file:
		return true
	}
	return last.Changed()
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
	c := ruleConfig{bad: len(b.problemsLocked()) > 0, unsure: b.last != nil && len(b.last.Problems) > 0}
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

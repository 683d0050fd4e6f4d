// Package configfile says what is wrong with a Prometheus configuration file, at
// file:line:column and with all problems at once, and what of it Tocsin does not
// carry.
//
// The verdict is that of Prometheus's own reader, which stops at the first
// problem that is not one of types and names no line for it. So the file is read
// again and again, each time without the part that was found to be bad.
package configfile

import (
	"cmp"
	"path/filepath"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"

	"github.com/tocsin/tocsin/rules"
)

// Options are how a file is checked.
type Options struct {
	// SyntaxOnly leaves out the files that the configuration names.
	SyntaxOnly bool
	// Lookback is how long a sample counts as current; zero turns the check of
	// scrape intervals off.
	Lookback time.Duration
	// Carried reads the file as Tocsin runs it: what Tocsin does not carry is a
	// problem, and a target may be unix:///path/of/socket. Without it the verdict
	// is Prometheus's.
	Carried bool
	// Reserved are names that no job of a file may have, because Tocsin's own have
	// them. They are looked at if Carried is set.
	Reserved []string
	// Instead is a file that is read in the place of the one that is checked, of which
	// it is a copy: the paths in it are relative to the original.
	Instead string
}

// File is a configuration file after checking.
type File struct {
	Path string
	// Content is of the file itself, as it was read; nil if it could not be.
	Content []byte
	// Config is nil if and only if the reader refuses the file. Unless SyntaxOnly is
	// set, the jobs of scrape_config_files are among its ScrapeConfigs, and
	// ScrapeConfigFiles is empty: nobody needs to read these files again.
	Config *config.Config
	// Problems keep the file from running: Prometheus's reader or promtool refuses
	// it, or Tocsin does not carry all of it. Warnings do not.
	Problems, Warnings []rules.Problem
	// RuleFiles are the rule files that it names and that there are.
	RuleFiles []string
	// EvaluationInterval is global.evaluation_interval; zero if the file has none.
	EvaluationInterval time.Duration
	// Fingerprint is of everything that the verdict and Config come from: the file,
	// those of scrape_config_files, whether what has to be there is there, and files
	// of targets that are badly written. Rule files, and good files of targets, are
	// no part of it: those who use them watch them.
	Fingerprint string

	sources sources
}

// Changed tells whether what Fingerprint is of has changed since Check. It reads the
// files, and no more: it may be called often.
func (f File) Changed() bool { return f.sources.changed() }

// Check reads a configuration file, and looks at the files that it names.
func Check(path string, o Options) File {
	f := File{Path: path}
	f.check(o)
	f.Fingerprint = f.sources.fingerprint()
	return f
}

func (f *File) check(o Options) {
	content, problem := f.sources.read(cmp.Or(o.Instead, f.Path))
	if problem != nil {
		f.Problems = append(f.Problems, *problem)
		return
	}
	f.Content = content
	t, problem := newTree(f.Path, content, o.Carried, func(text string) error { _, err := load(text); return err })
	if problem != nil {
		f.Problems = append(f.Problems, *problem)
		return
	}
	if o.Carried {
		f.Problems, f.Warnings = t.uncarried(o.Reserved), t.idling()
	}
	cfg, err := load(t.text())
	if err != nil {
		f.Problems = append(f.Problems, besides(f.Problems, t.locate(err))...)
		t.redact(f.Problems)
		rules.SortProblems(f.Problems)
		return
	}
	t.redact(f.Problems)
	restoreSockets(cfg.ScrapeConfigs)
	cfg.SetDirectory(filepath.Dir(f.Path))
	f.Config = cfg
	f.EvaluationInterval = t.evaluationInterval()
	n := named{tree: t, file: f, Options: o}
	n.scrapeIntervals(cfg.ScrapeConfigs)
	if !o.SyntaxOnly {
		n.look()
	}
	rules.SortProblems(f.Problems)
	f.Warnings = besides(f.Problems, f.Warnings)
	f.Problems = append(f.Problems, n.others...)
	rules.SortProblems(f.Warnings)
}

// evaluationInterval is what the file itself says; the reader fills in a default.
func (t *tree) evaluationInterval() time.Duration {
	var c struct {
		Global struct {
			EvaluationInterval model.Duration `yaml:"evaluation_interval"`
		} `yaml:"global"`
	}
	if t.root == nil || t.root.Decode(&c) != nil {
		return 0
	}
	return time.Duration(c.Global.EvaluationInterval)
}

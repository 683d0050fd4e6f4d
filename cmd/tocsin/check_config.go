package main

import (
	"slices"
	"time"

	"github.com/tocsin/tocsin/configfile"
	"github.com/tocsin/tocsin/rules"
)

// checkConfigs checks the configuration files of the command line, and the rule
// files that they name.
func (k *checker) checkConfigs() {
	for _, path := range k.paths {
		f := configfile.Check(path, configfile.Options{SyntaxOnly: k.syntaxOnly, Lookback: k.lookbackD})
		k.report.add(fileReport{
			Path: path, config: true, problems: f.Problems,
			findings: slices.DeleteFunc(f.Warnings, func(p rules.Problem) bool { return !k.lints.Selection.Has(p.Lint) }),
		})
		if f.Config == nil {
			continue
		}
		var files []rules.File
		for _, path := range f.RuleFiles {
			files = append(files, k.read.Load(path).Files...)
		}
		opts := k.lints
		opts.Interval = time.Duration(f.Config.GlobalConfig.EvaluationInterval)
		opts.ScrapeInterval = time.Duration(f.Config.GlobalConfig.ScrapeInterval)
		k.addFiles(files, opts)
	}
}

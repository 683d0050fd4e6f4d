package main

import (
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/tocsin/tocsin/configfile"
	"github.com/tocsin/tocsin/rules"
)

// reservedJobs are those of targets that are there without a configuration file.
var reservedJobs = []string{engineJob, selfJob}

// checkConfigs checks the configuration files of the command line, and the rule
// files that they name.
func (k *checker) checkConfigs() {
	for _, path := range k.paths {
		file, ok := configfile.Find(path)
		if !ok {
			k.report.add(fileReport{Path: path, config: true, problems: []rules.Problem{{
				File: path, Msg: "there is no configuration file", Hint: "in a directory that is prometheus.yml, prometheus.yaml or tocsin.yml",
			}}})
			continue
		}
		k.checkConfig(configfile.Check(file, configfile.Options{
			SyntaxOnly: k.syntaxOnly, Lookback: k.lookbackD, Carried: !k.prometheus, Reserved: reservedJobs,
		}))
	}
}

func (k *checker) checkConfig(f configfile.File) {
	r := fileReport{
		Path: f.Path, config: true, problems: f.Problems,
		findings: slices.DeleteFunc(f.Warnings, func(p rules.Problem) bool { return !k.lints.Selection.Has(p.Lint) }),
	}
	opts := k.lints
	if f.Config != nil {
		opts.ScrapeInterval = time.Duration(f.Config.GlobalConfig.ScrapeInterval)
		opts.Interval = time.Duration(f.Config.GlobalConfig.EvaluationInterval)
		if !k.prometheus && f.EvaluationInterval == 0 {
			opts.Interval = defaultEvaluation()
		}
		if !k.prometheus && len(f.Problems) == 0 {
			r.Runs = newRuns(f, opts.Interval)
		}
	}
	k.report.add(r)
	var files []rules.File
	for _, path := range f.RuleFiles {
		files = append(files, k.read.Load(path).Files...)
	}
	if f.Config != nil {
		k.addFiles(files, opts)
	}
}

// defaultEvaluation is the interval of groups where neither they nor the file nor a
// setting have one.
func defaultEvaluation() time.Duration {
	d, err := model.ParseDuration(defaultOf("EVALUATION_INTERVAL"))
	if err != nil {
		panic(err) // ours, and run by every test of the command line
	}
	return time.Duration(d)
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/model"

	"github.com/tocsin/tocsin/rules"
	"github.com/tocsin/tocsin/rules/lint"
)

// exitLint is for findings that --lint-fatal makes count, as it is in promtool.
const exitLint = 3

// checkFlags are what the command line of check gave.
type checkFlags struct {
	paths         []string
	lint          string
	lintFatal     bool
	ignoreUnknown bool
	output        string
	evaluation    string
	scrape        string
	against       string
	lookback      string
	syntaxOnly    bool
	prometheus    bool
}

// checkCommand adds check rules and check config.
func checkCommand(app *kingpin.Application, c console, actions map[string]action) {
	f := &checkFlags{}
	check := app.Command("check", "Say what is wrong with rule files and configuration files, and where.")
	check.Flag("query.lookback-delta", "How long a sample counts as current.").Default("5m").StringVar(&f.lookback)

	ruleFiles := check.Command("rules", "Check rule files. Exit code 1: errors; 3: lint findings, with --lint-fatal.")
	ruleFiles.Arg("rule-files", "Files, directories or globs; standard input without any.").StringsVar(&f.paths)
	ruleFiles.Flag("evaluation.interval", "Interval of groups without their own.").Default(defaultOf("EVALUATION_INTERVAL")).StringVar(&f.evaluation)
	ruleFiles.Flag("scrape.interval", "Time between two scrapes.").Default(defaultOf("SCRAPE_INTERVAL")).StringVar(&f.scrape)
	ruleFiles.Flag("against", "Ask this running Tocsin or Prometheus which selectors match nothing there.").PlaceHolder("URL").StringVar(&f.against)

	config := check.Command("config", "Check Prometheus configuration files, and the rule files that they name. Exit codes as of check rules.")
	config.Arg("config-files", "Configuration files, or directories with one.").Required().StringsVar(&f.paths)
	config.Flag("prometheus", "The files are for a Prometheus: what Tocsin does not carry is good there.").BoolVar(&f.prometheus)
	config.Flag("syntax-only", "Do not look at the files that the configuration names.").BoolVar(&f.syntaxOnly)

	for _, cmd := range []*kingpin.CmdClause{ruleFiles, config} {
		cmd.Flag("lint", "Lints to apply, comma separated: all, none, NAME, or -NAME to leave one out. "+lintNames()).Default("all").StringVar(&f.lint)
		cmd.Flag("lint-fatal", "Exit with 3 when a lint finds something.").BoolVar(&f.lintFatal)
		cmd.Flag("ignore-unknown-fields", "Pass over fields of rule files that do not exist; what runs the rules refuses them.").BoolVar(&f.ignoreUnknown)
		cmd.Flag("output", "text or json.").Short('o').Default("text").EnumVar(&f.output, "text", "json")
	}
	run := func(check func(*checker)) action {
		return func(ctx context.Context) int {
			k, err := newChecker(ctx, f, c)
			if err != nil {
				fmt.Fprintf(c.stderr, "tocsin: %v\n", err)
				return exitUsage
			}
			check(k)
			return k.finish()
		}
	}
	actions[ruleFiles.FullCommand()] = run((*checker).checkRules)
	actions[config.FullCommand()] = run((*checker).checkConfigs)
}

func lintNames() string {
	var names []string
	for _, l := range lint.All {
		names = append(names, l.Name)
	}
	return "Names: " + strings.Join(names, ", ") + "."
}

// defaultOf is the default of a setting outside of the Docker engine.
func defaultOf(env string) string {
	for _, d := range table() {
		if d.env == env {
			return d.def
		}
	}
	panic("no setting " + env) // ours, and run by every test of the command line
}

// checker is one run of check.
type checker struct {
	*checkFlags
	console
	ctx       context.Context
	stdin     io.Reader
	read      rules.Options
	lints     lint.Options
	lookbackD time.Duration
	live      *instance // nil without --against
	report    report
}

// newChecker reads the flags; what is wrong with them is for the user to mend.
func newChecker(ctx context.Context, f *checkFlags, c console) (*checker, error) {
	k := &checker{checkFlags: f, console: c, ctx: ctx, stdin: os.Stdin}
	k.read.IgnoreUnknownFields = f.ignoreUnknown
	var err error
	if k.lints.Selection, err = lint.Select(f.lint); err != nil {
		return nil, fmt.Errorf("--lint: %w", err)
	}
	for _, d := range []struct {
		flag, value string
		to          *time.Duration
	}{
		{"evaluation.interval", f.evaluation, &k.lints.Interval},
		{"scrape.interval", f.scrape, &k.lints.ScrapeInterval},
		{"query.lookback-delta", f.lookback, &k.lookbackD},
	} {
		if d.value == "" {
			continue // a flag of the other command
		}
		v, err := model.ParseDuration(d.value)
		if err != nil || v <= 0 {
			return nil, fmt.Errorf("--%s is %q: expected a duration above zero such as 15s or 5m", d.flag, d.value)
		}
		*d.to = time.Duration(v)
	}
	if f.against != "" {
		if k.live, err = newInstance(f.against); err != nil {
			return nil, fmt.Errorf("--against: %w", err)
		}
	}
	return k, nil
}

// checkRules checks the rule files of the command line, or standard input.
func (k *checker) checkRules() {
	if len(k.paths) == 0 {
		fmt.Fprint(k.progress(), "Checking standard input\n")
		k.addFiles([]rules.File{k.read.Read("stdin", k.stdin)}, k.lints)
		return
	}
	var files []rules.File
	seen := map[string]bool{}
	for _, path := range k.paths {
		set := k.load(path)
		for _, p := range set.Problems {
			k.report.add(fileReport{Path: p.File, problems: []rules.Problem{p}})
		}
		if len(set.Files)+len(set.Problems) == 0 {
			k.report.add(fileReport{Path: path, problems: []rules.Problem{{
				File: path, Msg: "there are no rule files", Hint: "in a directory those are *.yml, *.yaml and *.rules",
			}}})
		}
		for _, f := range set.Files {
			if !seen[f.Path] {
				seen[f.Path] = true
				files = append(files, f)
			}
		}
	}
	k.addFiles(files, k.lints)
}

// load reads what an argument names. Unlike what is to run, what is to be checked
// may come out of a pipe, as <(command) of a shell is one.
func (k *checker) load(path string) rules.Set {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() || info.Mode().IsRegular() {
		return k.read.Load(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return k.read.Load(path) // says what is wrong
	}
	defer f.Close()
	return rules.Set{Files: []rules.File{k.read.Read(path, f)}}
}

// addFiles reports on rule files that are used together.
func (k *checker) addFiles(files []rules.File, opts lint.Options) {
	linter := lint.New(opts, rules.Set{Files: files}.Groups())
	for i := range files {
		f := &files[i]
		r := fileReport{Path: f.Path, problems: f.Problems, findings: linter.File(f)}
		for _, g := range f.Groups {
			r.Rules += len(g.Rules)
		}
		if k.live != nil && opts.Selection.Has(lint.NoSeries) {
			dead, err := k.live.dead(k.ctx, linter, f)
			if err != nil {
				// One instance answers for all files: the others need not ask.
				r.problems = append(r.problems, rules.Problem{Msg: fmt.Sprintf("--against %v: %v", k.live, err), Hint: hintLive(err)})
				k.live = nil
			}
			r.findings = append(r.findings, linter.Keep(f, dead)...)
			rules.SortProblems(r.findings)
		}
		k.report.add(r)
	}
}

// hintLive tells what to do about an instance that does not answer.
func hintLive(err error) string {
	if status := (*statusError)(nil); errors.As(err, &status) {
		return cmp.Or(status.hint(), "is this the address of a Tocsin or a Prometheus?")
	}
	return "check the address, and that the instance runs"
}

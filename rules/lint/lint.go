// Package lint finds what Prometheus accepts in a rule and what still does not
// do what its author meant: traps of the rule language, and of what the Docker
// engine's metrics count.
//
// A finding keeps nothing from running. It is a rules.Problem whose Lint says
// which lint found it; lints are chosen with a Selection, and silenced in one
// place by a comment in the file (see ignores). Everything in here is a
// function of the files: nothing is read, asked or remembered.
package lint

import (
	"slices"
	"time"

	"github.com/tocsin/tocsin/rules"
)

// Lint is one thing that is looked for.
type Lint struct {
	Name  string
	About string
}

// Names of the lints, beside those of the package rules.
const (
	DuplicateRules = "duplicate-rules"
	ValueInLabel   = "value-in-label"
	ShortFor       = "short-for"
	ShortRange     = "short-range"
	NoCondition    = "no-condition"
	AbsentNoLabels = "absent-without-labels"
	BlindQuantile  = "blind-quantile"
	UnknownMetric  = "unknown-metric"
	UnknownLabel   = "unknown-label"
	HealthChecks   = "health-checks-failed"
	BuilderMetrics = "builder-metrics"
	NoSeries       = "no-series"
	LongScrape     = "too-long-scrape-interval"
	MissingFile    = "missing-file"
)

// All are the lints in the order of the documentation. NoSeries needs a live
// instance, LongScrape and MissingFile are about configuration files: others
// look for them, and only their names are kept here.
var All = []Lint{
	{DuplicateRules, "two rules of a file have the same name and labels"},
	{ValueInLabel, "a label depends on $value: each new value is a new alert"},
	{ShortFor, "for or keep_firing_for is shorter than the group's interval"},
	{ShortRange, "a range holds fewer than two scrapes, and the function needs two samples"},
	{NoCondition, "an alert without a comparison: it fires whatever the value is"},
	{AbsentNoLabels, "absent() without = matchers: the alert does not say what is absent"},
	{BlindQuantile, "a quantile is compared with more than its histogram can show"},
	{UnknownMetric, "the Docker engine has no metric of that name"},
	{UnknownLabel, "the Docker engine's metric has no such label or value"},
	{HealthChecks, "engine_daemon_health_checks_failed_total does not count unhealthy containers"},
	{BuilderMetrics, "builder_* metrics do not count builds of BuildKit"},
	{rules.LintIgnored, "something in the file is never read"},
	{rules.LintType, "an expression whose result no rule can use"},
	{rules.LintTemplate, "a label of the group is a template that does not parse"},
	{NoSeries, "with --against: a selector matches nothing there"},
	{LongScrape, "check config: a scrape interval at or above the lookback of queries"},
	{MissingFile, "check config: a file that is named is not there"},
}

// Options are what the verdict on a rule depends on beside the rule.
type Options struct {
	// Interval is that of groups without their own; zero turns ShortFor off
	// for them.
	Interval time.Duration
	// ScrapeInterval is the time between two samples; zero turns ShortRange off.
	ScrapeInterval time.Duration
	Selection      Selection
}

// Linter looks at files one by one.
type Linter struct {
	opts     Options
	recorded map[string]bool // names of series that the rules themselves make
}

// New makes a Linter for files whose groups are all.
func New(opts Options, all []rules.Group) *Linter {
	l := &Linter{opts: opts, recorded: map[string]bool{}}
	for _, g := range all {
		for _, r := range g.Rules {
			if r.Record != "" {
				l.recorded[r.Record] = true
			}
		}
	}
	return l
}

// File lists the findings in one file, with its warnings, in reading order.
func (l *Linter) File(f *rules.File) []rules.Problem {
	p := &pass{Linter: l, file: f, seen: map[finding]bool{}}
	p.duplicates()
	for i := range f.Groups {
		p.group = &f.Groups[i]
		for j := range p.group.Rules {
			p.rule = &p.group.Rules[j]
			p.labels()
			p.durations()
			p.ranges()
			p.condition()
			p.absent()
			p.quantiles()
			p.metrics()
		}
	}
	return l.Keep(f, append(p.found, f.Warnings...))
}

// Keep lists, in reading order, those of the findings in one file that are
// wanted and that no comment in the file silences.
func (l *Linter) Keep(f *rules.File, found []rules.Problem) []rules.Problem {
	skip := newIgnores(f)
	found = slices.DeleteFunc(slices.Clone(found), func(p rules.Problem) bool {
		return !l.opts.Selection.Has(p.Lint) || skip.covers(p)
	})
	rules.SortProblems(found)
	return found
}

// maxFindings bounds what is listed of one file, for nobody reads on.
const maxFindings = 1000

// pass is the reading of one file.
type pass struct {
	*Linter
	file  *rules.File
	group *rules.Group
	rule  *rules.Rule
	found []rules.Problem
	seen  map[finding]bool // a label of a group is read once for each of its rules
}

type finding struct {
	lint string
	pos  rules.Position
}

// report adds a finding at the byte offset of the value of a field of the rule.
func (p *pass) report(lint, field string, offset int, msg, hint string) {
	if len(p.found) >= maxFindings {
		return
	}
	pos := p.file.Place(p.rule.Pos, field, offset)
	if p.seen[finding{lint, pos}] {
		return
	}
	p.seen[finding{lint, pos}] = true
	p.found = append(p.found, rules.Problem{
		File: p.file.Path, Pos: pos, Group: p.group.Name, Rule: p.rule.Name(),
		Field: field, Msg: msg, Hint: hint, Lint: lint,
	})
}

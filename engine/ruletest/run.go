package ruletest

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/rules"
)

// Storage is where one test keeps its samples.
type Storage interface {
	storage.Queryable
	storage.AppendableV2
}

// Options say what to run, and where.
type Options struct {
	// NewStorage makes an empty storage, and what removes it again.
	NewStorage func() (Storage, func() error, error)
	// Only runs the tests whose names it matches; nil runs all.
	Only *regexp.Regexp
	// IgnoreUnknownFields passes over fields of rule files that nobody knows.
	IgnoreUnknownFields bool
	// Dump adds all samples of each test to its result.
	Dump bool
}

// Result is the verdict on one file.
type Result struct {
	Path string
	// Problems are what is wrong with the file or the rule files that it names:
	// with one of them no test has run.
	Problems []rules.Problem
	// Warnings are what is hardly meant; they change no verdict.
	Warnings []rules.Problem
	Tests    []TestResult
}

// TestResult is the verdict on one test.
type TestResult struct {
	Title    string
	Failures []Failure
	Took     time.Duration
	// Dump is all samples at the end, where Options asked for it.
	Dump string
}

// OK tells whether all tests that were asked for have run and passed.
func (r Result) OK() bool {
	return len(r.Problems) == 0 && r.Failed() == 0
}

// Failed is how many tests have failures.
func (r Result) Failed() (n int) {
	for _, t := range r.Tests {
		if len(t.Failures) > 0 {
			n++
		}
	}
	return n
}

// Run reads and runs one file of unit tests.
func Run(ctx context.Context, path string, opts Options) Result {
	f := Read(path)
	res := Result{Path: path, Problems: f.Problems, Warnings: f.Warnings}
	var tests []*Test
	for i := range f.Tests {
		if t := &f.Tests[i]; opts.Only == nil || opts.Only.MatchString(t.Name) {
			tests = append(tests, t)
			res.Problems = append(res.Problems, t.Problems...)
		}
	}
	rules.SortProblems(res.Problems)
	if len(tests) == 0 {
		return res
	}
	// Like promtool, rule files are not looked at where no test asks for them.
	groups := f.load(opts, &res)
	if len(res.Problems) > 0 {
		return res
	}
	f.warn(tests, groups, &res)
	for _, t := range tests {
		res.Tests = append(res.Tests, f.run(ctx, t, groups, opts))
	}
	return res
}

// load reads the rule files, and puts the groups into the order in which they
// are evaluated.
func (f *File) load(opts Options, res *Result) []rules.Group {
	var groups []rules.Group
	reading := rules.Options{IgnoreUnknownFields: opts.IgnoreUnknownFields}
	for _, path := range f.ruleFiles(res) {
		rf := reading.ReadFile(path)
		res.Problems = append(res.Problems, rf.Problems...)
		groups = append(groups, rf.Groups...)
	}
	order := map[string]int{}
	for i, g := range f.GroupOrder {
		order[g.Value] = i
	}
	for i := range groups {
		groups[i].Interval = f.EvaluationInterval
	}
	// Groups that the order does not name come with its first one.
	slices.SortStableFunc(groups, func(a, b rules.Group) int { return order[a.Name] - order[b.Name] })
	return groups
}

// ruleFiles expands the globs, each file once.
func (f *File) ruleFiles(res *Result) []string {
	var paths []string
	seen := map[string]bool{}
	for _, pattern := range f.RuleFiles {
		glob := pattern.Value
		if glob != "" && !filepath.IsAbs(glob) {
			glob = filepath.Join(filepath.Dir(f.Path), glob)
		}
		found, err := filepath.Glob(glob)
		switch {
		case err != nil:
			res.Problems = append(res.Problems, f.problem(pattern.Pos(), "rule_files", "is not a valid glob", `a "[" lacks its "]"`))
		case len(found) == 0:
			res.warn(f, pattern.Pos(), "rule_files", fmt.Sprintf("no file matches %s", glob))
		}
		for _, path := range found {
			if !seen[path] {
				seen[path] = true
				paths = append(paths, path)
			}
		}
		if len(paths) > maxRuleFiles {
			res.Problems = append(res.Problems, f.problem(pattern.Pos(), "rule_files", fmt.Sprintf("more than %d rule files", maxRuleFiles), ""))
			return nil
		}
	}
	return paths
}

// warn adds what passes and is hardly meant: of an alert that no rule has it is
// true that it does not fire, however its name is written.
func (f *File) warn(tests []*Test, groups []rules.Group, res *Result) {
	for _, g := range f.GroupOrder {
		if !slices.ContainsFunc(groups, func(rg rules.Group) bool { return rg.Name == g.Value }) {
			res.warn(f, g.Pos(), "group_eval_order", fmt.Sprintf("no rule file has a group %q", g.Value))
		}
	}
	known := map[string]bool{}
	for _, g := range groups {
		for i := range g.Rules {
			known[g.Rules[i].Alert] = true
		}
	}
	for _, t := range tests {
		for _, a := range t.Alerts {
			if !known[a.AlertName] {
				known[a.AlertName] = true // once is enough
				res.warn(f, a.Pos, "alertname", fmt.Sprintf("no rule has an alert %q", a.AlertName))
			}
		}
	}
}

func (f *File) problem(pos rules.Position, field, msg, hint string) rules.Problem {
	return rules.Problem{File: f.Path, Pos: pos, Field: field, Msg: msg, Hint: hint}
}

func (res *Result) warn(f *File, pos rules.Position, field, msg string) {
	res.Warnings = append(res.Warnings, f.problem(pos, field, msg, ""))
}

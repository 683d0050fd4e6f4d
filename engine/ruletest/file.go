package ruletest

import (
	"fmt"
	"net/url"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/rules"
)

// defaultInterval is that of evaluations where the file gives none.
const defaultInterval = time.Minute

// File is one file of unit tests after reading.
type File struct {
	Path string
	// RuleFiles are globs, relative to the directory of the file.
	RuleFiles []rules.Text
	// EvaluationInterval is that of every group, whatever its own says.
	EvaluationInterval time.Duration
	GroupOrder         []rules.Text
	// FuzzyCompare lets values differ in the last bit.
	FuzzyCompare bool
	Tests        []Test
	// Problems keep all of the file's tests from running, Warnings none.
	Problems, Warnings []rules.Problem
}

// Test is one entry of `tests`: input, and what is expected of it.
type Test struct {
	// Name is as written; Title is the name, or else a number.
	Name, Title string
	Pos         rules.Position
	// Interval is the time between two samples of a series.
	Interval       time.Duration
	Series         []Series
	Alerts         []AlertTest
	Exprs          []ExprTest
	ExternalLabels labels.Labels
	ExternalURL    *url.URL
	// Start is the time of the first samples and evaluations.
	Start time.Time
	// Problems keep this test from running. Like promtool they count only where
	// the test is asked for.
	Problems []rules.Problem
}

// Series is one input series.
type Series struct {
	Pos    rules.Position
	Labels labels.Labels
	Values []parser.SequenceValue
}

// AlertTest expects alerts of one name to fire at a time.
type AlertTest struct {
	Pos       rules.Position
	EvalTime  time.Duration
	AlertName string
	Want      []Firing
}

// Firing is one firing alert.
type Firing struct{ Labels, Annotations labels.Labels }

// ExprTest expects what an expression gives at a time.
type ExprTest struct {
	Pos      rules.Position
	EvalTime time.Duration
	Expr     string
	Want     []Sample
}

// Sample is one element of a result.
type Sample struct {
	Labels labels.Labels
	Value  float64
	// Histogram in the notation of input series; empty for a float.
	Histogram string
}

// length is how long the test goes on.
func (t *Test) length() time.Duration {
	var last time.Duration
	for _, a := range t.Alerts {
		last = max(last, a.EvalTime)
	}
	for _, e := range t.Exprs {
		last = max(last, e.EvalTime)
	}
	return last
}

// Read reads the test file at path; what goes wrong is the File's problem.
func Read(path string) File { return read(path, rules.ReadDocument(path, fileForm)) }

// Parse reads a test file's content; path only names it.
func Parse(path string, content []byte) File {
	return read(path, rules.ParseDocument(path, content, fileForm))
}

func read(path string, doc *rules.Document) File {
	r := &reader{doc: doc, parser: parser.NewParser(parser.Options{})}
	top := doc.Top()
	f := File{
		Path:               path,
		RuleFiles:          top.Texts("rule_files"),
		EvaluationInterval: top.Duration("evaluation_interval"),
		GroupOrder:         top.Texts("group_eval_order"),
		FuzzyCompare:       top.Bool("fuzzy_compare"),
	}
	if f.EvaluationInterval == 0 {
		f.EvaluationInterval = defaultInterval
	}
	r.refuseRepeated(f.GroupOrder)
	tests := top.Mappings("tests", testForm)
	if len(tests) > maxTests {
		doc.Report(tests[maxTests].Pos, "tests", fmt.Sprintf("more than %d tests", maxTests), "split the file")
		tests = nil
	}
	for i, m := range tests {
		f.Tests = append(f.Tests, r.test(m, i, f.EvaluationInterval))
	}
	doc.InTest("")
	f.Problems, f.Warnings = doc.Problems(), doc.Warnings()
	if len(f.Tests)+len(f.Problems) == 0 {
		f.Warnings = append(f.Warnings, rules.Problem{File: path, Msg: "there are no tests in this file"})
	}
	return f
}

// refuseRepeated reports groups that stand in the order twice.
func (r *reader) refuseRepeated(order []rules.Text) {
	seen := map[string]bool{}
	for _, g := range order {
		if seen[g.Value] {
			g.Report(0, fmt.Sprintf("the group %q is there twice", g.Value), "keep one of the two")
		}
		seen[g.Value] = true
	}
}

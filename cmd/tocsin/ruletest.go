package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/prometheus/util/junitxml"

	"github.com/tocsin/tocsin/engine/ruletest"
	"github.com/tocsin/tocsin/storage"
)

// testRules is what one call of tocsin test rules does.
type testRules struct {
	console
	files   []string
	only    []string
	junit   string
	diff    bool
	debug   bool
	lenient bool
}

// testRulesCommand is tocsin test rules, with the flags of promtool.
func testRulesCommand(app *kingpin.Application, c console, actions map[string]action) {
	t := &testRules{console: c}
	test := app.Command("test", "Tests of what users write.")
	test.Flag("junit", "Write the results to this file, as JUnit XML.").StringVar(&t.junit)
	cmd := test.Command("rules", "Runs unit tests of rules, in promtool's format, on the engine that runs in production.")
	cmd.Flag("run", "Run only the tests whose names match this regular expression; may be given several times.").StringsVar(&t.only)
	cmd.Flag("diff", "Show what differs line by line.").BoolVar(&t.diff)
	cmd.Flag("debug", "Show how long each test took, and all of its samples.").BoolVar(&t.debug)
	cmd.Flag("ignore-unknown-fields", "Pass over fields of rule files that nobody knows.").BoolVar(&t.lenient)
	cmd.Arg("file", "Files of unit tests.").Required().StringsVar(&t.files)
	actions[cmd.FullCommand()] = t.run
}

func (t *testRules) run(ctx context.Context) int {
	opts := ruletest.Options{NewStorage: newTestStorage, IgnoreUnknownFields: t.lenient, Dump: t.debug}
	var junit io.WriteCloser
	err := errors.Join(t.checkFiles(), t.compile(&opts))
	if err == nil {
		err = t.create(&junit)
	}
	if err != nil {
		fmt.Fprintf(t.stderr, "tocsin: %s; see tocsin test rules --help\n", strings.ReplaceAll(err.Error(), "\n", "\ntocsin: "))
		return exitUsage
	}
	code := exitOK
	report := &junitxml.JUnitXML{}
	ran := 0
	for _, path := range t.files {
		fmt.Fprintf(t.stdout, "Testing %s\n", path)
		res := ruletest.Run(ctx, path, opts)
		if !res.OK() {
			code = exitFailure
		}
		t.print(res)
		addSuite(report, res)
		ran += len(res.Tests) + len(res.Problems)
	}
	if opts.Only != nil && ran == 0 {
		fmt.Fprintf(t.stderr, "WARNING: no test has a name that matches --run %s\n", opts.Only)
	}
	if junit != nil {
		if err := errors.Join(report.WriteXML(junit), junit.Close()); err != nil {
			fmt.Fprintf(t.stderr, "tocsin: write JUnit XML: %v\n", err)
			return exitFailure
		}
	}
	return code
}

// checkFiles refuses what are no files before any test runs.
func (t *testRules) checkFiles() error {
	var errs []error
	for _, path := range t.files {
		switch info, err := os.Stat(path); {
		case err != nil:
			errs = append(errs, err)
		case info.IsDir():
			errs = append(errs, fmt.Errorf("%s is a directory, not a file of unit tests", path))
		}
	}
	return errors.Join(errs...)
}

func (t *testRules) compile(opts *ruletest.Options) error {
	if len(t.only) == 0 {
		return nil
	}
	var err error
	if opts.Only, err = regexp.Compile(strings.Join(t.only, "|")); err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	return nil
}

func (t *testRules) create(junit *io.WriteCloser) error {
	if t.junit == "" {
		return nil
	}
	f, err := os.Create(t.junit)
	if err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	*junit = f
	return nil
}

// print shows a verdict: what is wrong goes to stderr, as with promtool.
func (t *testRules) print(res ruletest.Result) {
	for _, w := range res.Warnings {
		fmt.Fprintf(t.stderr, "  WARNING: %v\n", w)
	}
	for _, test := range res.Tests {
		if t.debug {
			fmt.Fprintf(t.stderr, "  DEBUG: test %q took %v; all samples, input and rules:\n%s\n", test.Title, test.Took.Round(time.Millisecond), test.Dump)
		}
	}
	switch {
	case len(res.Problems) > 0:
		fmt.Fprintf(t.stderr, "  FAILED: nothing was run\n")
	case res.Failed() > 0:
		fmt.Fprintf(t.stderr, "  FAILED: %d of %s\n", res.Failed(), countTests(len(res.Tests)))
	default:
		fmt.Fprintf(t.stdout, "  SUCCESS: %s\n", countTests(len(res.Tests)))
	}
	for _, p := range res.Problems {
		fmt.Fprintf(t.stderr, "  %v\n", p)
	}
	for _, test := range res.Tests {
		for _, f := range test.Failures {
			fmt.Fprintln(t.stderr, indent(t.show(f)))
		}
	}
}

func (t *testRules) show(f ruletest.Failure) string {
	if t.diff {
		return f.Diff(isTerminal(t.stderr) && t.getenv("NO_COLOR") == "")
	}
	return f.String()
}

func countTests(n int) string {
	if n == 1 {
		return "1 test"
	}
	return fmt.Sprintf("%d tests", n)
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

// addSuite adds a file to the JUnit report.
func addSuite(to *junitxml.JUnitXML, res ruletest.Result) {
	suite := to.Suite(res.Path)
	suite.Settime(time.Now().Format("2006-01-02T15:04:05"))
	var errs []error
	for _, p := range res.Problems {
		errs = append(errs, p)
	}
	if err := errors.Join(errs...); err != nil {
		suite.Abort(err)
	}
	for _, test := range res.Tests {
		suite.Case(test.Title)
		for _, f := range test.Failures {
			suite.Fail(f.String())
		}
	}
}

// newTestStorage makes a store in memory for one test.
func newTestStorage() (ruletest.Storage, func() error, error) {
	dir, err := os.MkdirTemp("", "tocsin-test-")
	if err != nil {
		return nil, nil, err
	}
	// Nothing is compacted: tests are over in a moment, whatever time they span.
	store := storage.New(storage.Options{Dir: dir, Memory: true, BlockDuration: math.MaxInt64})
	if err := store.Open(); err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return store, func() error {
		return errors.Join(store.Close(context.Background()), os.RemoveAll(dir))
	}, nil
}

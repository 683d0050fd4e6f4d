package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/tocsin/tocsin/rules"
)

// report is what check found.
type report struct {
	Files    []fileReport `json:"files"`
	Errors   int          `json:"errors"`
	Findings int          `json:"findings"`
}

// fileReport is what check found in one file.
type fileReport struct {
	Path     string      `json:"file"`
	Rules    int         `json:"rules"`
	Problems []checkLine `json:"problems"`
	// Runs is nil where nothing can run, and for files that are not of Tocsin.
	Runs *runs `json:"runs,omitempty"`

	config             bool
	problems, findings []rules.Problem
}

// checkLine is one problem as JSON.
type checkLine struct {
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Severity string `json:"severity"`
	Lint     string `json:"lint,omitempty"`
	Group    string `json:"group,omitempty"`
	Rule     string `json:"rule,omitempty"`
	Field    string `json:"field,omitempty"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
}

func (r *report) add(f fileReport) {
	f.Problems = []checkLine{} // not null
	for _, p := range append(f.problems[:len(f.problems):len(f.problems)], f.findings...) {
		line := checkLine{
			File: p.File, Line: p.Pos.Line, Column: p.Pos.Column, Severity: "error", Lint: p.Lint,
			Group: p.Group, Rule: p.Rule, Field: p.Field, Message: p.Msg, Hint: p.Hint,
		}
		if p.Lint != "" {
			line.Severity = "lint"
		}
		f.Problems = append(f.Problems, line)
	}
	r.Files = append(r.Files, f)
	r.Errors += len(f.problems)
	r.Findings += len(f.findings)
}

// finish prints the report and returns the exit code.
func (k *checker) finish() int {
	if k.output == "json" {
		enc := json.NewEncoder(k.stdout)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(k.report); err != nil {
			fmt.Fprintf(k.stderr, "tocsin: %v\n", err)
			return exitFailure
		}
	} else {
		k.print()
	}
	switch {
	case k.report.Errors > 0:
		return exitFailure
	case k.report.Findings > 0 && k.lintFatal:
		return exitLint
	}
	return exitOK
}

// progress is where to say what is being done.
func (k *checker) progress() io.Writer {
	if k.output == "json" {
		return io.Discard
	}
	return k.stdout
}

// print writes verdicts to standard output as promtool does, and what is wrong
// to standard error, each line with its file.
func (k *checker) print() {
	bad := 0
	for _, f := range k.report.Files {
		if f.Path != "stdin" {
			fmt.Fprintf(k.stdout, "Checking %s\n", f.Path)
		}
		findings := count(len(f.findings), "lint finding")
		switch {
		case len(f.problems) > 0 && len(f.findings) > 0:
			fmt.Fprintf(k.stderr, "  FAILED: %s, %s\n", count(len(f.problems), "error"), findings)
		case len(f.problems) > 0:
			fmt.Fprintf(k.stderr, "  FAILED: %s\n", count(len(f.problems), "error"))
		case len(f.findings) > 0 && k.lintFatal:
			fmt.Fprintf(k.stderr, "  FAILED: %s\n", findings)
		case len(f.findings) > 0:
			fmt.Fprintf(k.stdout, "  SUCCESS: %s, %s\n", f.success(), findings)
		default:
			fmt.Fprintf(k.stdout, "  SUCCESS: %s\n", f.success())
		}
		if f.Runs != nil {
			f.Runs.print(k.stdout)
		}
		for _, p := range f.problems {
			k.line(p, "error")
		}
		for _, p := range f.findings {
			k.line(p, "lint "+p.Lint)
		}
		if len(f.problems)+len(f.findings) > 0 {
			bad++
		}
	}
	if bad > 0 && len(k.report.Files) > 1 {
		fmt.Fprintf(k.stderr, "%s and %s in %d of %s\n", count(k.report.Errors, "error"),
			count(k.report.Findings, "lint finding"), bad, count(len(k.report.Files), "file"))
	}
}

// success is the good news about a file, in promtool's words.
func (f fileReport) success() string {
	if f.config {
		return f.Path + " is valid prometheus config file syntax"
	}
	return fmt.Sprintf("%d rules found", f.Rules)
}

// line prints one problem: its place, its kind and its story, and below it what
// to do.
func (k *checker) line(p rules.Problem, kind string) {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Pos.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Pos.Line)
		}
		if p.Pos.Line > 0 && p.Pos.Column > 0 {
			fmt.Fprintf(&b, ":%d", p.Pos.Column)
		}
		b.WriteString(": ")
	}
	hint := p.Hint
	p.File, p.Pos, p.Hint = "", rules.Position{}, ""
	fmt.Fprintf(&b, "%s: %s\n", kind, p.Error())
	if hint != "" {
		fmt.Fprintf(&b, "    hint: %s\n", hint)
	}
	io.WriteString(k.stderr, b.String()) // where it cannot be written, nothing can be said either
}

// count is a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

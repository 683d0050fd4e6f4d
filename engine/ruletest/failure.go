package ruletest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/rules"
)

// Failure is one thing that a test expects and that is not so, or could not be
// found out.
type Failure struct {
	// File and Pos are the place of the expectation, or of the rule that failed.
	File string
	Pos  rules.Position
	Test string
	// What was looked at, at EvalTime; empty for the test as a whole.
	What     string
	EvalTime time.Duration
	// Err is why it could not be found out. Else Want and Got are what differs,
	// as lines of the test file.
	Err       error
	Want, Got []string
	// Note is what else helps; may be empty.
	Note string
}

// String shows what was expected and what is there.
func (f Failure) String() string {
	if f.Err != nil {
		return f.head() + ": " + f.Err.Error()
	}
	var b strings.Builder
	b.WriteString(f.head() + f.note() + "\n")
	list := func(name string, lines []string) {
		b.WriteString("    " + name + ":")
		if len(lines) == 0 {
			b.WriteString(" none\n")
			return
		}
		b.WriteString("\n")
		for _, l := range lines {
			b.WriteString("      " + l + "\n")
		}
	}
	list("expected", f.Want)
	list("got", f.Got)
	return strings.TrimSuffix(b.String(), "\n")
}

// Diff shows the lines that are expected and not there with a minus, the lines
// that are there and not expected with a plus, and if colored in red and green.
func (f Failure) Diff(colored bool) string {
	if f.Err != nil {
		return f.String()
	}
	var b strings.Builder
	b.WriteString(f.head() + f.note() + " (- expected, + got)")
	for _, e := range diff(f.Want, f.Got) {
		line := "    " + string(e.sign) + " " + e.line
		switch {
		case colored && e.sign == '-':
			line = "\x1b[31m" + line + "\x1b[0m"
		case colored && e.sign == '+':
			line = "\x1b[32m" + line + "\x1b[0m"
		}
		b.WriteString("\n" + line)
	}
	return b.String()
}

// head says where, in which test, what and when.
func (f Failure) head() string {
	s := fmt.Sprintf("%s:%d:%d: test %q", f.File, f.Pos.Line, f.Pos.Column, f.Test)
	if f.What != "" {
		s += ", " + f.What
	}
	if f.What != "" || f.EvalTime != 0 {
		s += ", eval_time " + model.Duration(f.EvalTime).String()
	}
	return s
}

func (f Failure) note() string {
	if f.Note == "" {
		return ""
	}
	return " (" + f.Note + ")"
}

// showFiring writes alerts as exp_alerts lists them.
func showFiring(as []Firing) []string {
	var lines []string
	for _, a := range as {
		item := showMap("exp_labels", labels.NewBuilder(a.Labels).Del(labels.AlertName).Labels())
		item = append(item, showMap("exp_annotations", a.Annotations)...)
		if len(item) == 0 {
			item = []string{"{}"}
		}
		indent := "- "
		for _, l := range item {
			lines = append(lines, indent+l)
			indent = "  "
		}
	}
	return lines
}

func showMap(name string, ls labels.Labels) []string {
	if ls.IsEmpty() {
		return nil
	}
	lines := []string{name + ":"}
	ls.Range(func(l labels.Label) { lines = append(lines, "  "+l.Name+": "+strconv.Quote(l.Value)) })
	return lines
}

// showSamples writes samples one a line.
func showSamples(ss []Sample) []string {
	var lines []string
	for _, s := range ss {
		value := s.Histogram
		if value == "" {
			value = strconv.FormatFloat(s.Value, 'g', -1, 64)
		}
		lines = append(lines, metric(s.Labels)+" "+value)
	}
	return lines
}

// metric writes labels as people write series.
func metric(ls labels.Labels) string {
	m := model.Metric{}
	ls.Range(func(l labels.Label) { m[model.LabelName(l.Name)] = model.LabelValue(l.Value) })
	return m.String()
}

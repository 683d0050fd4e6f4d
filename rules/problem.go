package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with what the user wrote. It is an error
// that tells where, what, and what to do about it.
type Problem struct {
	// File is the path of the file, or the pattern that named none.
	File string
	// Pos is the place in File; zero when the file as a whole is meant.
	Pos Position
	// Group and Rule name what was being read; empty outside of a group or
	// rule, or when it has no name.
	Group, Rule string
	// Test names the unit test that was being read, in files of these.
	Test string
	// Index is the rule's place in its group, from 1; zero outside of rules.
	Index int
	// Field is the offending field, such as "expr" or "labels.severity".
	Field string
	// Msg says what is wrong, and Hint what to do; Hint may be empty.
	Msg, Hint string
	// Lint is the name of the lint that found this; empty for a problem that
	// keeps something from running.
	Lint string
	// Err is the cause when the operating system is to blame, else nil.
	Err error
}

// Error is the whole story in one line:
// FILE:LINE:COL: group "g", rule "r": field: what is wrong (hint: what to do).
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Pos.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Pos.Line)
		if p.Pos.Column > 0 {
			fmt.Fprintf(&b, ":%d", p.Pos.Column)
		}
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	if where := p.where(); where != "" {
		b.WriteString(where + ": ")
	}
	if p.Field != "" {
		b.WriteString(p.Field + ": ")
	}
	b.WriteString(p.Msg)
	if p.Hint != "" {
		b.WriteString(" (hint: " + p.Hint + ")")
	}
	return b.String()
}

// Unwrap gives errors.Is access to the cause.
func (p Problem) Unwrap() error { return p.Err }

// where names the test, the group and the rule, as far as they are known.
func (p Problem) where() string {
	var parts []string
	if p.Test != "" {
		parts = append(parts, fmt.Sprintf("test %q", p.Test))
	}
	if p.Group != "" {
		parts = append(parts, fmt.Sprintf("group %q", p.Group))
	}
	switch {
	case p.Rule != "":
		parts = append(parts, fmt.Sprintf("rule %q", p.Rule))
	case p.Index > 0:
		parts = append(parts, fmt.Sprintf("rule %d", p.Index))
	}
	return strings.Join(parts, ", ")
}

// SortProblems puts the problems of one file into reading order.
func SortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
}

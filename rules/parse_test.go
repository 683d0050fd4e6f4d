package rules

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/prometheus/model/labels"
)

// What the valid rules come out as.
func TestParseValues(t *testing.T) {
	offset := func(d time.Duration) *time.Duration { return &d }
	in := `groups:
- name: one
  interval: 1m30s
  query_offset: 0s
  limit: -3
  labels: {a: group, b: group, c: group}
  rules:
  - alert: A
    expr: |
      up == 0
    for: 1d
    keep_firing_for: 90s
    labels: {b: rule, c: "", d: 1.50}
    annotations: {n: "{{ $value }}", m: }
  - record: a:b
    expr: up
  - alert: bad
    expr: up(
- name: two
  query_offset: 30s
`
	want := []Group{{
		Name: "one", File: "f.yml", Interval: 90 * time.Second, QueryOffset: offset(0), Pos: Position{2, 3},
		Rules: []Rule{{
			Alert: "A", ExprText: "up == 0\n", For: 24 * time.Hour, KeepFiringFor: 90 * time.Second,
			Labels:      labels.FromMap(map[string]string{"a": "group", "b": "rule", "c": "", "d": "1.50"}),
			Annotations: labels.FromMap(map[string]string{"n": "{{ $value }}", "m": ""}),
			Pos:         Position{8, 5},
		}, {
			Record: "a:b", ExprText: "up", Labels: labels.FromStrings("a", "group", "b", "group", "c", "group"),
			Pos: Position{15, 5},
		}},
	}, {
		Name: "two", File: "f.yml", QueryOffset: offset(30 * time.Second), Pos: Position{19, 3},
	}}
	file := Parse("f.yml", []byte(in))
	ignore := cmpopts.IgnoreFields(Rule{}, "Expr")
	if diff := cmp.Diff(want, file.Groups, ignore, cmp.Comparer(labels.Equal)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := file.Groups[0].Rules[0].Expr.String(); got != "up == 0" {
		t.Errorf("expression: got %q", got)
	}
	if len(file.Problems) != 1 || file.Problems[0].Rule != "bad" || file.Problems[0].Index != 3 {
		t.Errorf("problems: got %v", file.Problems)
	}
}

// Rules do not share maps with each other: a label of one is no label of another.
func TestParseKeepsRulesApart(t *testing.T) {
	in := inGroup("labels: {a: b}") + "  - alert: B\n    expr: up\n    labels: {c: d}\n  - alert: C\n    expr: up\n"
	file := Parse("f.yml", []byte(in))
	if len(file.Groups) != 1 || len(file.Groups[0].Rules) != 3 {
		t.Fatalf("got %+v", file)
	}
	if got := file.Groups[0].Rules[2].Labels.String(); got != `{a="b"}` {
		t.Errorf("got %s", got)
	}
}

func TestProblemError(t *testing.T) {
	for _, tt := range []struct {
		p    Problem
		want string
	}{
		{Problem{File: "f", Msg: "m"}, "f: m"},
		{Problem{Msg: "m"}, "m"},
		{Problem{File: "f", Pos: Position{3, 0}, Msg: "m", Hint: "h"}, "f:3: m (hint: h)"},
		{Problem{File: "f", Pos: Position{3, 4}, Group: "g", Index: 2, Field: "x", Msg: "m"}, `f:3:4: group "g", rule 2: x: m`},
		{Problem{File: "f", Pos: Position{3, 4}, Group: "g", Rule: "r", Index: 2, Msg: "m"}, `f:3:4: group "g", rule "r": m`},
		{Problem{File: "f", Rule: "r", Msg: "m"}, `f: rule "r": m`},
	} {
		if got := tt.p.Error(); got != tt.want {
			t.Errorf("want %q, got %q", tt.want, got)
		}
	}
}

func TestNearest(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"exprr", "expr"},
		{"epxr", "expr"},
		{"expression", "expr"},
		{"EXPR", "expr"},
		{"keep_firing", "keep_firing_for"},
		{"lables", "labels"},
		{"anotations", "annotations"},
		{"fro", "for"},
		{"alerts", "alert"},
		{"x", ""},
		{"ключ", ""},
		{"threshold", ""},
		{strings.Repeat("expr", 100), ""},
	} {
		if got := Nearest(tt.in, ruleFields); got != tt.want {
			t.Errorf("%q: want %q, got %q", tt.in, tt.want, got)
		}
	}
}

// A function that is suggested must exist.
func TestTemplateFunctionsExist(t *testing.T) {
	for _, name := range templateFunctions {
		if err := parseTemplate("", "{{ "+name+" }}"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range templateVariables {
		if err := parseTemplate("", "{{ "+name+" }}"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFunctionsAreSuggested(t *testing.T) {
	for in, want := range map[string]string{
		"incraese": "increase", "maxovertime": "max_over_time", "sume": "sum", "abent": "absent",
	} {
		if got := Nearest(in, functions); got != want {
			t.Errorf("%q: want %q, got %q", in, want, got)
		}
	}
}

// The number of problems is bounded, and says so.
func TestParseListsNoMoreThanAnyoneReads(t *testing.T) {
	in := "groups:\n- name: g\n  rules: [" + strings.Repeat("x, ", 3000) + "]\n"
	file := Options{}.parse("f.yml", []byte(in))
	if len(file.Problems) != maxProblems+1 {
		t.Fatalf("got %d problems", len(file.Problems))
	}
	if got := file.Problems[maxProblems].Error(); got != "f.yml: 2000 more problems are not listed" {
		t.Errorf("got %q", got)
	}
}

// Files that are small and stand for a lot, or that make a parser slow.
func TestParseBombs(t *testing.T) {
	long := strings.Repeat("up or ", maxText/6-10) + "up"
	for _, tt := range []struct{ name, in, want string }{
		{"aliases in merges", bomb(30, 9), "stand for more than"},
		{"aliases in lists", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n" +
			"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\n", "stand for more than"},
		{"itself", "groups: &a [*a]\n", "contains itself"},
		{"itself in a merge", "groups: []\nx: &a {<<: *a}\n", "contains itself"},
		{"one expression many times", "groups:\n- name: g\n  rules:\n  - &r {alert: A, expr: " + long + "}\n" +
			strings.Repeat("  - *r\n", 1000), "stand for more than"},
		{"depth", strings.Repeat("[", 20000), "exceeded max depth"},
		{"parentheses", withExpr(strings.Repeat("(", maxText-1)), "brackets 65535 deep"},
		{"minus", withExpr("'" + strings.Repeat("-", maxText-1) + "'"), "unexpected end of input"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			file := Parse("f.yml", []byte(tt.in))
			if len(file.Problems) == 0 || !strings.Contains(file.Problems[0].Msg, tt.want) {
				t.Errorf("want %q, got %v", tt.want, file.Problems)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

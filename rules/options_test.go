package rules

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// reference is what Prometheus's own reader says, with the names of the rules.
func reference(content []byte, lax bool) (ok bool, names []string, errs []error) {
	defer func() {
		if r := recover(); r != nil {
			ok, errs = false, []error{fmt.Errorf("panic: %v", r)}
		}
	}()
	groups, errs := rulefmt.Parse(content, lax, model.UTF8Validation,
		parser.NewParser(parser.Options{}), slog.New(slog.NewTextHandler(io.Discard, nil)))
	if len(errs) > 0 {
		return false, nil, errs
	}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			names = append(names, g.Name+"/"+r.Alert+r.Record)
		}
	}
	return true, names, nil
}

// Both ways of reading have Prometheus's verdict and find the same rules.
func TestOptionsHavePrometheusVerdict(t *testing.T) {
	inputs := []string{
		inRule("exprr: up"), inRule("foo: {bar: [1, 2]}"), inRule("foo: &x 1\nbar: *x"), inGroup("owner: me"),
		"groups: []\nowner: me\n", "groups:\n- nam: g\n", "groups:\n- name: g\n  rules:\n  - alrt: A\n    expr: up\n",
		"groups:\n- name: g\n  rules:\n  - alert: A\n    exprr: up\n",
	}
	for _, v := range verdicts {
		inputs = append(inputs, v.in)
	}
	for seed := range uint64(400) {
		w := &writer{Rand: rand.New(rand.NewPCG(seed, 1))}
		inputs = append(inputs, "groups: "+w.list(w.group, 3)+"\n")
	}
	differ := 0
	for _, in := range inputs {
		strict, _, _ := reference([]byte(in), false)
		lax, names, errs := reference([]byte(in), true)
		if strict != lax {
			differ++
		}
		file := Options{IgnoreUnknownFields: true}.Parse("f.yml", []byte(in))
		if lax != (len(file.Problems) == 0) {
			t.Errorf("Prometheus accepts: %v %v\nwe say: %v\n%s", lax, errs, file.Problems, in)
			continue
		}
		if !lax {
			continue
		}
		var got []string
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				got = append(got, g.Name+"/"+r.Name())
			}
		}
		if diff := cmp.Diff(names, got); diff != "" {
			t.Errorf("rules: -Prometheus +we\n%s\n%s", diff, in)
		}
	}
	if differ < 10 {
		t.Errorf("only %d of %d files have fields to ignore", differ, len(inputs))
	}
}

// Place finds each word of a value in the file.
func TestPlace(t *testing.T) {
	in := `groups:
- name: g
  interval: 1m
  labels: {team: "a {{ $value }}"}
  rules:
  - alert: A
    expr: |
      up == 0
        and here
    for: &d 5m
    labels:
      severity: 'it''s $value'
  - {alert: B, expr: "up == \"x\" and here" , keep_firing_for: *d, labels: {team: own}}
  - {alert: C, expr: !!binary dXAgPT0gMA==}
`
	in = strings.ReplaceAll(in, `"up == \"x\" and here"`, `"up{a=\"x\"} and here"`)
	file := Parse("f.yml", []byte(in))
	if len(file.Problems) > 0 {
		t.Fatal(file.Problems)
	}
	lines := strings.Split(in, "\n")
	g := file.Groups[0]
	for _, tt := range []struct {
		pos         Position
		field, text string // the value up to what is looked for
		want        string
	}{
		{g.Pos, "interval", "", "1m"},
		{g.Rules[0].Pos, "expr", "", "up == 0"},
		{g.Rules[0].Pos, "expr", "up == 0\n  and ", "here"},
		{g.Rules[0].Pos, "for", "", "5m"},
		{g.Rules[0].Pos, "labels.severity", "it's ", "$value'"},
		{g.Rules[0].Pos, "labels.team", "a {{ ", "$value }}"},
		{g.Rules[0].Pos, "keep_firing_for", "", "alert: A"},
		{g.Rules[1].Pos, "expr", `up{a="x"} and `, "here"},
		{g.Rules[1].Pos, "labels.team", "", "own"},
		{g.Rules[2].Pos, "expr", "up", "!!binary"},
		{Position{99, 1}, "expr", "", ""},
	} {
		got := file.Place(tt.pos, tt.field, len(tt.text))
		if tt.want == "" {
			if got != tt.pos {
				t.Errorf("unknown place: got %v", got)
			}
			continue
		}
		if rest := lines[got.Line-1][got.Column-1:]; !strings.HasPrefix(rest, tt.want) {
			t.Errorf("%s behind %q: want %q, got %d:%d %q", tt.field, tt.text, tt.want, got.Line, got.Column, rest)
		}
	}
	if got := file.Lines(); len(got) != len(lines) || got[0] != "groups:" {
		t.Errorf("lines: got %q", got)
	}
}

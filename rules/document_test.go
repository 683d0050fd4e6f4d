package rules

import (
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	zooForm = Form{
		Name: "zoo", Fields: []string{"name", "open", "size", "nap", "animals", "tags", "colors"},
		Shape: "a zoo has animals",
		Hint: func(field string) string {
			if field == "legs" {
				return "legs belong to animals"
			}
			return ""
		},
	}
	animalForm = Form{Name: "animal", Fields: []string{"expr", "legs"}, Shape: "an animal has legs"}
)

func messages(ps []Problem) []string {
	var out []string
	for _, p := range ps {
		out = append(out, p.Error())
	}
	return out
}

func TestDocumentValues(t *testing.T) {
	d := ParseDocument("z.yml", []byte(`
name: 5
open: yes
size: .inf
nap: 1h30m
tags: [a, 2]
colors: {lion: yellow, ant: 7}
animals:
  - {expr: up == 0, legs: 4}
  - ~
`), zooForm)
	top := d.Top()
	animals := top.Mappings("animals", animalForm)
	if got := top.Text("name"); got.Value != "5" || got.Pos() != (Position{2, 7}) {
		t.Errorf("name %q at %v", got.Value, got.Pos())
	}
	if !top.Bool("open") || top.Number("size") != math.Inf(1) || top.Duration("nap") != 90*time.Minute {
		t.Error("open, size or nap are wrong")
	}
	if tags := top.Texts("tags"); len(tags) != 2 || tags[1].Value != "2" {
		t.Errorf("tags %v", tags)
	}
	if diff := cmp.Diff(map[string]string{"lion": "yellow", "ant": "7"}, top.TextMap("colors")); diff != "" {
		t.Error(diff)
	}
	if len(animals) != 2 || animals[0].Text("legs").Value != "4" || animals[1].Text("legs").Value != "" || animals[1].Pos.Line != 10 {
		t.Errorf("animals %v", animals)
	}
	if expr := d.Expr(animals[0].Text("expr")); expr == nil || expr.String() != "up == 0" {
		t.Errorf("expr %v", expr)
	}
	if d.Count() != 0 || len(d.Problems())+len(d.Warnings()) != 0 {
		t.Error(d.Problems(), d.Warnings())
	}
}

func TestDocumentProblems(t *testing.T) {
	d := ParseDocument("z.yml", []byte(`name: [x]
open: maybe
size: "1"
nap: 5
tags: a
colors: [a]
legs: 4
nam: x
animals:
  - {expr: "up ==", leg: 4}
  - lion
`), zooForm)
	top := d.Top()
	d.InTest("t")
	top.Text("name")
	top.Bool("open")
	top.Number("size")
	top.Duration("nap")
	top.Texts("tags")
	top.TextMap("colors")
	animals := top.Mappings("animals", animalForm)
	if animals[0].Sound || animals[1].Sound || top.Sound {
		t.Error("a mapping is called sound that has a problem")
	}
	apart := d.Apart(func() {
		d.Expr(animals[0].Text("expr"))
		d.Expr(animals[1].Text("expr"))
		animals[0].Text("expr").Report(3, "own", "hint")
	})
	want := []string{
		`z.yml:10:16: test "t": animals.expr: own (hint: hint)`,
		`z.yml:10:18: test "t": animals.expr: unexpected end of input (hint: the expression breaks off; look for an operator without its right side)`,
		`z.yml:11:5: test "t": animals.expr: is missing or empty (hint: write a PromQL expression)`,
	}
	if diff := cmp.Diff(want, messages(apart)); diff != "" {
		t.Errorf("apart (-want +got):\n%s", diff)
	}
	want = []string{
		`z.yml:1:7: test "t": name: must be a text, but is a list (hint: quote a text that begins with { or [)`,
		`z.yml:2:7: test "t": open: "maybe" is not true or false`,
		`z.yml:3:7: test "t": size: "1" is not a number (hint: remove the quotes)`,
		`z.yml:4:6: test "t": nap: "5" is not a duration (hint: a number needs a unit: did you mean 5s?)`,
		`z.yml:5:7: test "t": tags: must be a list, but is a text (hint: each entry below "tags:" begins with "- ")`,
		`z.yml:6:9: test "t": colors: must be a mapping (name: value), but is a list (hint: write the entries below "colors:", one name: value a line)`,
		`z.yml:7:1: legs: unknown field in a zoo (hint: legs belong to animals)`,
		`z.yml:8:1: nam: unknown field in a zoo (hint: did you mean "name"?)`,
		`z.yml:10:21: test "t": leg: unknown field in an animal (hint: did you mean "legs"?)`,
		`z.yml:11:5: test "t": animals: must be a mapping (name: value), but is a text (hint: an animal has legs)`,
	}
	if diff := cmp.Diff(want, messages(d.Problems())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What is no document at all has one problem, and an empty top.
func TestDocumentThatIsNone(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "",
		"a: [":                             "z.yml:1:1: not valid YAML",
		"- a":                              "z.yml:1:1: must be a mapping (name: value), but is a list (hint: a zoo has animals)",
		"a: &a [*a]":                       "z.yml:1:8: the anchor \"a\" contains itself",
		strings.Repeat("#", maxFileSize+1): "z.yml: is larger than 4 MiB",
	} {
		d := ParseDocument("z.yml", []byte(in), zooForm)
		top := d.Top()
		if top.Text("name").Value != "" || top.Mappings("animals", animalForm) != nil || top.Duration("nap") != 0 {
			t.Errorf("%.10q: the top holds something", in)
		}
		got := strings.Join(messages(d.Problems()), "\n")
		if want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%.10q: got %q, want %q", in, got, want)
		}
	}
	d := ReadDocument(filepath.Join(t.TempDir(), "nosuch.yml"), zooForm)
	if ps := d.Problems(); len(ps) != 1 || !errors.Is(ps[0], fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", ps)
	}
}

// Without its unknown fields a file means what it means without them: a slip is
// no reason to take a field for given.
func TestIgnoreUnknownFields(t *testing.T) {
	const in = `
owner: x
groups:
- name: g
  owner: x
  rules:
  - {alert: A, expr: up, exprr: down, team: x}
  - {alert: B, exprr: down}
`
	file := Options{IgnoreUnknownFields: true}.Parse("f.yml", []byte(in))
	want := []string{`f.yml:8:5: group "g", rule "B": expr: is missing (hint: every rule needs a PromQL expression)`}
	if diff := cmp.Diff(want, messages(file.Problems)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(file.Groups) != 1 || len(file.Groups[0].Rules) != 1 || file.Groups[0].Rules[0].ExprText != "up" {
		t.Errorf("groups %v", file.Groups)
	}
	if n := len(Parse("f.yml", []byte(in)).Problems); n != 5 {
		t.Errorf("%d problems without the option, want 5", n)
	}
}

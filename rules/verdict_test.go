package rules

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// prometheusAccepts is the verdict that ours must equal. A panic is a refusal:
// rulefmt goes on reading behind a syntax error, which the YAML decoder does not
// always survive.
func prometheusAccepts(content []byte) (ok bool, errs []error) {
	defer func() {
		if r := recover(); r != nil {
			ok, errs = false, []error{fmt.Errorf("panic: %v", r)}
		}
	}()
	_, errs = rulefmt.Parse(content, false, model.UTF8Validation,
		parser.NewParser(parser.Options{}), slog.New(slog.NewTextHandler(io.Discard, nil)))
	return len(errs) == 0, errs
}

// inGroup and inRule embed fields at their level of an otherwise valid file.
func inGroup(fields string) string {
	return "groups:\n- name: g\n" + indent(fields, "  ") + "  rules:\n  - alert: A\n    expr: up == 0\n"
}

func inRule(fields string) string {
	return "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up == 0\n" + indent(fields, "    ")
}

func inRecord(fields string) string {
	return "groups:\n- name: g\n  rules:\n  - record: a:b\n    expr: up\n" + indent(fields, "    ")
}

func withExpr(expr string) string {
	return "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: " + expr + "\n"
}

func indent(text, by string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(by + line)
	}
	return b.String() + "\n"
}

// verdicts maps names to files; ok is what both Prometheus and we say.
var verdicts = []struct {
	name string
	ok   bool
	in   string
}{
	// Files.
	{"empty", true, ""},
	{"only white space", true, " \n\n"},
	{"only comments", true, "# nothing\n# here\n"},
	{"only a document marker", true, "---\n"},
	{"null", true, "null\n"},
	{"empty mapping", true, "{}\n"},
	{"no groups", true, "groups:\n"},
	{"empty list of groups", true, "groups: []\n"},
	{"list at the top", false, "- groups\n"},
	{"scalar at the top", false, "groups\n"},
	{"number at the top", false, "1\n"},
	{"groups is a mapping", false, "groups: {name: g}\n"},
	{"groups is a text", false, "groups: g\n"},
	{"groups is an empty text", false, "groups: \"\"\n"},
	{"groups twice", false, "groups: []\ngroups: []\n"},
	{"unknown field", false, "groups: []\nrules: []\n"},
	{"unknown null field", false, "groups: []\nfoo:\n"},
	{"null key", true, "groups: []\n~: 1\n"},
	{"number key", false, "groups: []\n1: 1\n"},
	{"mapping key", false, "groups: []\n? {a: b}\n: 1\n"},
	{"null group", true, "groups:\n-\n- name: g\n"},
	{"text group", false, "groups:\n- g\n"},
	{"list group", false, "groups:\n- [g]\n"},
	{"second document", true, "groups: []\n---\ngroups: [1]\n"},
	{"broken second document", true, "groups: []\n---\na: b\n c: @\n"},
	{"empty first document", true, "---\n---\ngroups: [1]\n"},
	{"tabs", false, "groups:\n\t- name: g\n"},
	{"trailing tab", true, "groups: []\t\n"},
	{"broken flow", false, "groups: [\n"},
	{"byte order mark", true, "\ufeff" + inRule("")},
	{"windows line ends", true, strings.ReplaceAll(inRule("for: 5m"), "\n", "\r\n")},
	{"invalid UTF-8", false, inRule("for: \"\xff\"")},
	{"control character", false, inRule("labels: {a: \x01}")},
	{"self-containing anchor", false, "groups: &a\n- *a\n"},
	{"unknown anchor", false, "groups: *a\n"},
	{"custom tag", true, "groups: !mine\n- name: g\n"},

	// Groups.
	{"only a name", true, "groups:\n- name: g\n"},
	{"no name", false, "groups:\n- rules: []\n"},
	{"empty name", false, "groups:\n- name: \"\"\n"},
	{"null name", false, "groups:\n- name:\n"},
	{"number name", true, "groups:\n- name: 1\n"},
	{"list name", false, "groups:\n- name: [g]\n"},
	{"same name", false, "groups:\n- name: g\n- name: g\n"},
	{"same name as text and number", false, "groups:\n- name: 1\n- name: \"1\"\n"},
	{"every group field", true, inGroup("interval: 1m\nquery_offset: 30s\nlimit: 10\nlabels: {a: b}")},
	{"unknown group field", false, inGroup("evaluation_interval: 1m")},
	{"rule field in group", false, inGroup("for: 1m")},
	{"group field twice", false, inGroup("limit: 1\nlimit: 1")},
	{"partial response strategy", false, inGroup("partial_response_strategy: warn")},
	{"rules is a mapping", false, "groups:\n- name: g\n  rules: {}\n"},
	{"rules is null", true, "groups:\n- name: g\n  rules: null\n"},
	{"rules is a text", false, "groups:\n- name: g\n  rules: none\n"},
	{"interval 0", true, inGroup("interval: 0")},
	{"interval 0s", true, inGroup("interval: 0s")},
	{"interval null", true, inGroup("interval:")},
	{"interval empty", false, inGroup("interval: \"\"")},
	{"interval compound", true, inGroup("interval: 1h30m")},
	{"interval in disorder", false, inGroup("interval: 30m1h")},
	{"interval number", false, inGroup("interval: 60")},
	{"interval negative", false, inGroup("interval: -1m")},
	{"interval minus one", false, inGroup("interval: -1")},
	{"interval fraction", false, inGroup("interval: 1.5h")},
	{"interval unit", false, inGroup("interval: 5x")},
	{"interval huge", false, inGroup("interval: 1000y")},
	{"interval list", false, inGroup("interval: [1m]")},
	{"interval in milliseconds", true, inGroup("interval: 500ms")},
	{"interval tagged", true, inGroup("interval: !!str 1m")},
	{"interval tagged and empty", false, inGroup("interval: !!str")},
	{"query offset 0", true, inGroup("query_offset: 0")},
	{"query offset null", true, inGroup("query_offset: ~")},
	{"query offset bad", false, inGroup("query_offset: soon")},
	{"limit 0", true, inGroup("limit: 0")},
	{"limit null", true, inGroup("limit:")},
	{"limit negative", true, inGroup("limit: -5")},
	{"limit fraction", true, inGroup("limit: 1.5")},
	{"limit hexadecimal", true, inGroup("limit: 0x10")},
	{"limit text", false, inGroup("limit: many")},
	{"limit quoted", false, inGroup("limit: \"5\"")},
	{"limit boolean", false, inGroup("limit: true")},
	{"limit list", false, inGroup("limit: [1]")},
	{"limit not a number", false, inGroup("limit: .nan")},
	{"limit huge", false, inGroup("limit: 99999999999999999999")},
	{"group labels null", true, inGroup("labels:")},
	{"group labels list", false, inGroup("labels: [a]")},
	{"group labels text", false, inGroup("labels: a=b")},
	{"group label __name__", false, inGroup("labels: {__name__: b}")},
	{"group label empty name", false, inGroup("labels: {\"\": b}")},
	{"group label nested", false, inGroup("labels: {a: {b: c}}")},
	{"group label bad value", false, inGroup("labels: {a: !!binary /w==}")},
	{"group label bad template", true, inGroup("labels: {a: \"{{ nope }}\"}")},
	{"group label twice", false, inGroup("labels: {a: 1, a: 2}")},

	// Rules.
	{"every field of an alert", true, inRule("for: 5m\nkeep_firing_for: 1m\nlabels: {a: b}\nannotations: {a: b}")},
	{"recording rule", true, inRecord("labels: {a: b}")},
	{"null rule", true, "groups:\n- name: g\n  rules:\n  -\n  - record: a\n    expr: up\n"},
	{"text rule", false, "groups:\n- name: g\n  rules: [up]\n"},
	{"list rule", false, "groups:\n- name: g\n  rules: [[up]]\n"},
	{"empty rule", false, "groups:\n- name: g\n  rules: [{}]\n"},
	{"alert and record", false, inRule("record: a")},
	{"alert and empty record", true, inRule("record: \"\"")},
	{"alert and null record", true, inRule("record:")},
	{"neither alert nor record", false, "groups:\n- name: g\n  rules:\n  - expr: up\n"},
	{"empty alert", false, "groups:\n- name: g\n  rules:\n  - alert: \"\"\n    expr: up\n"},
	{"null alert", false, "groups:\n- name: g\n  rules:\n  - alert:\n    expr: up\n"},
	{"list alert", false, "groups:\n- name: g\n  rules:\n  - alert: [A]\n    expr: up\n"},
	{"number alert", true, "groups:\n- name: g\n  rules:\n  - alert: 7\n    expr: up\n"},
	{"unknown rule field", false, inRule("exprr: up")},
	{"group field in rule", false, inRule("interval: 1m")},
	{"severity in rule", false, inRule("severity: page")},
	{"rule field twice", false, inRule("for: 1m\nfor: 1m")},
	{"field in other case", false, inRule("For: 1m")},
	{"same alert twice", true, "groups:\n- name: g\n  rules:\n  - {alert: A, expr: up}\n  - {alert: A, expr: up}\n"},
	{"for 0", true, inRule("for: 0")},
	{"for null", true, inRule("for:")},
	{"for number", false, inRule("for: 5")},
	{"for unit", false, inRule("for: 5x")},
	{"for negative", false, inRule("for: -5m")},
	{"for mapping", false, inRule("for: {a: b}")},
	{"keep_firing_for bad", false, inRule("keep_firing_for: long")},
	{"recording rule with for", false, inRecord("for: 1m")},
	{"recording rule with for 0", true, inRecord("for: 0s")},
	{"recording rule with keep_firing_for", false, inRecord("keep_firing_for: 1m")},
	{"recording rule with annotations", false, inRecord("annotations: {a: b}")},
	{"recording rule with empty annotations", true, inRecord("annotations: {}")},
	{"recording rule with bad template in label", true, inRecord("labels: {a: \"{{ nope }}\"}")},
	{"record in braces", false, "groups:\n- name: g\n  rules:\n  - record: 'a{b=\"c\"}'\n    expr: up\n"},
	{"record with dots", true, "groups:\n- name: g\n  rules:\n  - record: a.b-c d\n    expr: up\n"},
	{"record invalid UTF-8", false, "groups:\n- name: g\n  rules:\n  - record: !!binary /w==\n    expr: up\n"},

	// Labels and annotations.
	{"labels number", true, inRule("labels: {a: 1, b: 1.50, c: true, d: 2020-01-01}")},
	{"labels null value", true, inRule("labels: {a: null, b: , c: ~}")},
	{"labels null key", true, inRule("labels: {~: a}")},
	{"labels number key", true, inRule("labels: {1: a}")},
	{"labels list value", false, inRule("labels: {a: [b]}")},
	{"labels list", false, inRule("labels: [a]")},
	{"labels null", true, inRule("labels: null")},
	{"labels empty text", false, inRule("labels: \"\"")},
	{"label UTF-8 name", true, inRule("labels: {ключ.ä-b c: d}")},
	{"label __name__", false, inRule("labels: {__name__: a}")},
	{"label invalid name", false, inRule("labels: {!!binary /w==: a}")},
	{"label invalid value", false, inRule("labels: {a: !!binary /w==}")},
	{"label invalid base64", false, inRule("labels: {a: !!binary \"*\"}")},
	{"label binary", true, inRule("labels: {a: !!binary aGVsbG8=}")},
	{"label wrong tag", false, inRule("labels: {a: !!int hello}")},
	{"annotation __name__", true, inRule("annotations: {__name__: a}")},
	{"annotation empty name", false, inRule("annotations: {\"\": a}")},
	{"annotation unquoted template", false, inRule("annotations: {a: {{ $value }}}")},
	{"annotation twice", false, inRule("annotations:\n  a: b\n  \"a\": c")},

	// Templates.
	{"template good", true, inRule("annotations: {a: '{{ $labels.x }} {{ $value | humanize }} {{ $externalURL }}'}")},
	{"template function", false, inRule("annotations: {a: '{{ $value | humanise }}'}")},
	{"template variable", false, inRule("annotations: {a: '{{ $val }}'}")},
	{"template unclosed", false, inRule("labels: {a: '{{ $value '}")},
	{"template without end", false, inRule("labels: {a: '{{ if $value }}'}")},
	{"template that defines", true, inRule("labels: {a: '{{ define \"x\" }}y{{ end }}'}")},
	{"template that defines itself", false, inRule("labels: {a: '{{ define \"__alert_A\" }}y{{ end }}z'}")},

	// Expressions.
	{"expr missing", false, "groups:\n- name: g\n  rules:\n  - alert: A\n"},
	{"expr null", false, withExpr("")},
	{"expr empty", false, withExpr("\"\"")},
	{"expr space", false, withExpr("\" \"")},
	{"expr number", true, withExpr("1")},
	{"expr string", true, withExpr("'\"a\"'")},
	{"expr boolean", true, withExpr("true")},
	{"expr list", false, withExpr("[up]")},
	{"expr mapping", false, withExpr("{up: 1}")},
	{"expr literal block", true, withExpr("|\n      up\n        == 0")},
	{"expr folded block", true, withExpr(">-\n      up\n\n      == 0")},
	{"expr comment only", false, withExpr("|\n      # nothing")},
	{"expr syntax", false, withExpr("up ==")},
	{"expr type", false, withExpr("rate(up)")},
	{"expr range vector", true, withExpr("up[5m]")},
	{"expr function", false, withExpr("raet(up[5m])")},
	{"expr experimental function", false, withExpr("limitk(1, up)")},
	{"expr UTF-8 name", true, withExpr("'{\"a.b\"}'")},
	{"expr duration arithmetic", true, withExpr("rate(up[5m + 1m])")},
	{"expr @ end", true, withExpr("'up @ end()'")},
	{"expr native histogram function", true, withExpr("histogram_count(up)")},
	{"expr with colon", false, withExpr("up: down")},

	// Anchors, aliases and merges.
	{"alias rule", true, "groups:\n- name: a\n  rules:\n  - &r {alert: A, expr: up}\n- name: b\n  rules: [*r]\n"},
	{"alias labels", true, inGroup("labels: &l {a: b}") + "    labels: *l\n"},
	{"alias scalar", true, inRule("labels: {a: &x v, b: *x}")},
	{"alias key", true, inRule("labels: {&x a: v, b: *x }")},
	{"alias of bad rule", false, "groups:\n- name: a\n  rules:\n  - &r {alert: A, expr: up(}\n- name: b\n  rules: [*r]\n"},
	{"alias null", true, "groups:\n- name: &n a\n  interval: &z ~\n  limit: *z\n  rules: *z\n"},
	{"merge labels", true, inRule("annotations: &a {x: y}\nlabels: {<<: *a, z: 1}")},
	{"merge overrides", true, "groups:\n- name: a\n  rules:\n  - &r {alert: A, expr: up}\n  - {<<: *r, alert: B}\n"},
	{"merge brings the bad", false, "groups:\n- name: a\n  rules:\n  - &r {alert: A, expr: up}\n  - {<<: {record: B}, alert: A, expr: up}\n"},
	{"merge unknown field", false, "groups:\n- name: a\n  rules:\n  - {<<: {foo: B}, alert: A, expr: up}\n"},
	{"merge shadows bad expr", true, "groups:\n- name: a\n  rules:\n  - {<<: {expr: 'up('}, alert: A, expr: up}\n"},
	{"merge null shadows", false, "groups:\n- name: a\n  rules:\n  - {<<: {expr: up}, alert: A, expr: }\n"},
	{"merge text", false, inRule("labels: {<<: x}")},
	{"merge list of mappings", true, inRule("labels: {<<: [{a: b}, {a: c, d: e}]}")},
	{"merge list of texts", false, inRule("labels: {<<: [a]}")},
	{"merge null", false, inRule("labels: {<<: }")},
	{"merge twice", false, inRule("labels: {<<: {a: b}, <<: {c: d}}")},
	{"merge quoted is a name", true, inRule("labels: {\"<<\": x}")},
	{"merge duplicate in merged", false, inRule("labels: {<<: {a: b, a: c}}")},
	{"merge at the top", true, "<<: {groups: [{name: g}]}\n"},
	{"merge of bad label", false, inRule("labels: {<<: {__name__: b}}")},
	{"alias key equal to a field", false, "groups:\n- name: &n name\n  *n : other\n"},
	{"alias bomb", false, bomb(30, 9)},
}

// bomb is n levels of a list that holds the one before it several times.
func bomb(levels, width int) string {
	var b strings.Builder
	b.WriteString("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    labels:\n      l0: &l00 {a: b}\n")
	for i := range levels {
		b.WriteString("      l" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + ": &l" + itoa(i+1) + " {<<: [")
		b.WriteString(strings.TrimSuffix(strings.Repeat("*l"+itoa(i)+", ", width), ", ") + "]}\n")
	}
	return b.String()
}

func itoa(i int) string { return string(rune('0'+i/10)) + string(rune('0'+i%10)) }

func TestVerdictIsPrometheusVerdict(t *testing.T) {
	for _, tt := range verdicts {
		t.Run(tt.name, func(t *testing.T) {
			theirs, errs := prometheusAccepts([]byte(tt.in))
			file := Options{}.parse("f.yml", []byte(tt.in))
			ours := len(file.Problems) == 0
			if theirs != tt.ok || ours != tt.ok {
				t.Errorf("accepted: want %v, Prometheus %v, we %v\n%s\nPrometheus: %v\nwe: %v",
					tt.ok, theirs, ours, tt.in, errs, file.Problems)
			}
			checkInvariants(t, file, []byte(tt.in))
		})
	}
}

// The files in which we are stricter than Prometheus, and why.
func TestStricterThanPrometheus(t *testing.T) {
	keys := "labels:\n"
	for i := range maxKeys + 1 {
		keys += "  l" + strings.Repeat("x", i%50) + string(rune('a'+i/50)) + ": v\n"
	}
	for _, tt := range []struct{ name, why, in string }{
		{"long expression", "PromQL's parser recurses without a limit", withExpr(strings.Repeat("up or ", maxText/6) + "up > 0")},
		{"deep expression", "PromQL's parser takes quadratic time", withExpr(strings.Repeat("(", maxNested+1) + "up" + strings.Repeat(")", maxNested+1))},
		{"long template", "the template parser recurses without a limit", inRule("labels: {a: " + strings.Repeat("x", maxText+1) + "}")},
		{"long group label", "it is a template too", inGroup("labels: {a: " + strings.Repeat("x", maxText+1) + "}")},
		{"many labels", "the YAML decoder takes quadratic time", inRule(keys)},
		{"large file", "a small host must not run out of memory", "#" + strings.Repeat("x", maxFileSize)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if ok, errs := prometheusAccepts([]byte(tt.in)); !ok {
				t.Fatalf("Prometheus is as strict: %v", errs)
			}
			if file := (Options{}).parse("f.yml", []byte(tt.in)); len(file.Problems) != 1 {
				t.Errorf("want one problem, for %s; got %v", tt.why, file.Problems)
			}
		})
	}
}

// checkInvariants checks what holds for every file.
func checkInvariants(t *testing.T, file File, content []byte) {
	t.Helper()
	lines := len(newSource(content).lines)
	for _, p := range append(file.Problems, file.Warnings...) {
		if p.Pos.Line < 0 || p.Pos.Line > lines || p.Pos.Column < 0 {
			t.Errorf("position %v is outside of the file's %d lines: %v", p.Pos, lines, p)
		}
		if p.File != file.Path || p.Msg == "" || strings.Contains(p.Error(), "\n") && !strings.Contains(string(content), "\n") {
			t.Errorf("malformed problem %#v", p)
		}
	}
	for _, g := range file.Groups {
		if g.Name == "" || g.File != file.Path || g.Limit < 0 || g.Interval < 0 {
			t.Errorf("malformed group %+v", g)
		}
		for _, r := range g.Rules {
			if r.Expr == nil || r.ExprText == "" || (r.Alert == "") == (r.Record == "") {
				t.Errorf("malformed rule %+v", r)
			}
		}
	}
}

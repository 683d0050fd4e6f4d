package ruletest

import (
	"fmt"
	"strings"
	"testing"
)

// one is a file with one test.
func one(body string) string {
	return "rule_files: [alerts.yml]\ntests:\n- " + strings.ReplaceAll(strings.TrimSpace(body), "\n", "\n  ") + "\n"
}

// gives expects what an expression gives of the series m.
func gives(values, expr, evalTime, exp string) string {
	return one(fmt.Sprintf("input_series: [{series: m, values: %s}]\npromql_expr_test: [{expr: '%s', eval_time: %s, exp_samples: %s}]",
		values, expr, evalTime, exp))
}

// has expects that so many samples of m are there after 20 minutes.
func has(n int, values string) string {
	return gives(values, "count_over_time(m[30m])", "20m", fmt.Sprintf("[value: %d]", n))
}

// alertTest is a test of the alert Always.
func alertTest(fields string) string {
	return one("alert_rule_test: [{alertname: Always, eval_time: 1m, " + fields + "}]")
}

// verdicts maps names to files. ok is what promtool 3.16 says, and what we say
// but for the exceptions.
var verdicts = []struct {
	name string
	ok   bool
	in   string
}{
	// Files.
	{"empty", true, ""},
	{"comment", true, "# nothing\n"},
	{"no tests", true, "tests:\n"},
	{"rule files without tests are not read", true, "rule_files: [rules-bad.yml]\ntests: []\n"},
	{"empty test", true, "tests: [~]\n"},
	{"empty test with bad rules", false, "rule_files: [rules-bad.yml]\ntests: [~]\n"},
	{"list", false, "- tests: []\n"},
	{"unknown field", false, "foo: 1\n"},
	{"field there twice", false, "tests: []\ntests: []\n"},
	{"second document", true, "tests: []\n---\nfoo: 1\n"},
	{"anchors and merges", true, "tests:\n- &a {name: q}\n- *a\n- <<: *a\n  name: r\n"},
	{"rule_files is a text", false, "rule_files: alerts.yml\n"},
	{"rule file that is not there", true, "rule_files: [nosuch.yml]\ntests: [{}]\n"},
	{"rule file named twice", true, strings.Replace(alertTest("exp_alerts: [exp_labels: {team: edge}]"), "alerts.yml", "alerts.yml, ./alerts.yml, 'alert*'", 1)},
	{"bad glob", false, "rule_files: ['[']\ntests: [{}]\n"},
	{"directory", false, "rule_files: [.]\ntests: [{}]\n"},
	{"order", true, "group_eval_order: [limited, alerts]\n" + one("{}")},
	{"order of unknown groups", true, "group_eval_order: [x]\n" + one("{}")},
	{"order with a group twice", false, "group_eval_order: [x, x]\n"},
	{"fuzzy yes", true, "fuzzy_compare: yes\n"},
	{"fuzzy number", false, "fuzzy_compare: 1\n"},
	{"evaluation_interval zero", true, "evaluation_interval: 0\n" + gives("1", "time()", "90s", "[value: 90]")},
	{"evaluation_interval without unit", false, "evaluation_interval: 5\n"},
	{"evaluation_interval negative", false, "evaluation_interval: -1m\n"},

	// Times.
	{"interval zero", true, one("interval: 0\ninput_series: [{series: m, values: 1 2}]\npromql_expr_test: [{expr: m, eval_time: 1m, exp_samples: [{labels: m, value: 2}]}]")},
	{"interval of null", true, one("interval: ~")},
	{"interval fraction", false, one("interval: 1.5m")},
	{"eval_time zero", true, gives("1", "m", "0", "[{labels: m, value: 1}]")},
	{"eval_time quoted zero", true, gives("1", "m", `"0"`, "[{labels: m, value: 1}]")},
	{"eval_time compound", true, gives("1", "time()", "1h30m5s", "[value: 5405]")},
	{"eval_time milliseconds", true, gives("1", "time()", "1ms", "[value: 0.001]")},
	{"eval_time without unit", false, gives("1", "time()", "5", "[value: 5]")},
	{"eval_time too long", false, gives("1", "1", "300y", "[value: 1]")},
	{"start in seconds", true, one("start_timestamp: 5\npromql_expr_test: [{expr: time(), eval_time: 1m, exp_samples: [value: 65]}]")},
	{"start before 1970", true, one("start_timestamp: -5\npromql_expr_test: [{expr: time(), eval_time: 1m, exp_samples: [value: 55]}]")},
	{"start as text", true, one("start_timestamp: '2024-01-01T00:00:00.25Z'\npromql_expr_test: [{expr: time(), exp_samples: [value: 1704067200.25]}]")},
	{"start with zone", true, one("start_timestamp: 1970-01-01T02:00:00+02:00\npromql_expr_test: [{expr: time(), exp_samples: [value: 0]}]")},
	{"start of Go's zero time", true, one("start_timestamp: 0001-01-01T00:00:00Z\npromql_expr_test: [{expr: time(), exp_samples: [value: 0]}]")},
	{"start without zone", false, one("start_timestamp: 2024-01-01 00:00:00")},
	{"start without time", false, one("start_timestamp: 2024-01-01")},

	// Values.
	{"repeated", true, has(7, "1x6")},
	{"repeated nothing", true, has(2, "_x3 1 2")},
	{"growing", true, gives("1+2x3", "m", "3m", "[{labels: m, value: 7}]")},
	{"shrinking", true, gives("1-2x3", "m", "3m", "[{labels: m, value: -5}]")},
	{"growing by less", false, gives("1+-2x3", "m", "3m", "[{labels: m, value: -5}]")},
	{"zero repeated looks like a hexadecimal", true, has(11, "0x10")},
	{"stale", true, gives("1 stale", "m", "1m", "[]")},
	{"stale repeated", false, has(1, "1 stalex3")},
	{"infinities", true, gives("Inf -Inf", "m", "1m", "[{labels: m, value: -.inf}]")},
	{"space before times", false, has(5, "1 x5")},
	{"no times", false, has(1, "1x")},
	{"fraction of times", false, has(1, "1x1.5")},
	{"trailing space", true, has(3, "'0 1 2 '")},
	{"tabs", true, has(3, `"0\t1\t2"`)},
	{"commas", false, has(3, "'0,1,2'")},
	{"comment in values", false, has(3, "'0 1 2 # 3'")},
	{"number as YAML number", true, has(1, "_ 1")},
	{"histogram", true, gives("'{{count:2}}'", "histogram_count(m)", "0", "[value: 2]")},
	{"histogram growing", true, gives("'{{count:2}}+{{count:1}}x2'", "histogram_count(m)", "2m", "[value: 4]")},
	{"histogram with unknown field", false, gives("'{{foo:2}}'", "1", "0", "[value: 1]")},
	{"histogram of unknown schema", false, gives("'{{schema:99}}'", "1", "0", "[value: 1]")},
	{"histogram with negative bucket", false, gives("'{{buckets:[-1]}}'", "1", "0", "[value: 1]")},
	{"same series twice, the last counts", true, one("input_series: [{series: m, values: 1 1}, {series: m, values: 2}]\npromql_expr_test: [{expr: 'count_over_time(m[5m]) + m', eval_time: 1m, exp_samples: [value: 3]}]")},
	{"series without name", true, one(`input_series: [{series: '{a="b"}', values: 1}]`)},
	{"series with quoted name", true, one(`input_series: [{series: '{"a.b"}', values: 1}]`)},
	{"series of nothing", false, one(`input_series: [{series: '{}', values: 1}]`)},
	{"series with label twice", false, one(`input_series: [{series: 'm{a="1", a="2"}', values: 1}]`)},
	{"series that is a selector", false, one(`input_series: [{series: 'm{a=~"1"}', values: 1}]`)},
	{"series named as a keyword", true, one(`input_series: [{series: by, values: 1}, {series: sum, values: 1}, {series: offset, values: 1}]`)},

	// Alerts.
	{"alert", true, alertTest("exp_alerts: [exp_labels: {team: edge}]")},
	{"alert that is not expected", false, alertTest("exp_alerts: []")},
	{"alert without the field", false, alertTest("")},
	{"alert expected twice", false, alertTest("exp_alerts: [exp_labels: {team: edge}, exp_labels: {team: edge}]")},
	{"alert with another annotation", false, alertTest("exp_alerts: [{exp_labels: {team: edge}, exp_annotations: {a: b}}]")},
	{"alertname among the labels is not looked at", true, alertTest("exp_alerts: [exp_labels: {team: edge, alertname: Other}]")},
	{"empty label is a label", false, alertTest(`exp_alerts: [exp_labels: {team: edge, x: ""}]`)},
	{"alert of null", false, alertTest("exp_alerts: [~]")},
	{"alerts as mapping", false, alertTest("exp_alerts: {}")},
	{"alert of nobody", true, one("alert_rule_test: [{alertname: Nobody, exp_alerts: []}]")},
	{"alert without name", false, one("alert_rule_test: [{eval_time: 1m}]")},
	{"label values may be numbers", false, alertTest("exp_alerts: [exp_labels: {team: 5}]")},

	// Expressions.
	{"value of another type", false, gives("1", "m", "0", `[{labels: m, value: "1"}]`)},
	{"value in hexadecimal", true, gives("16", "m", "0", "[{labels: m, value: 0x10}]")},
	{"infinite value", true, gives("1", "1/0", "0", "[value: .inf]")},
	{"NaN equals nothing", false, gives("1", "0/0", "0", "[value: .nan]")},
	{"labels of nothing", true, gives("1", "sum(m)", "0", "[{labels: '{}', value: 1}]")},
	{"labels that are none", false, gives("1", "m", "0", "[{labels: 'm{', value: 1}]")},
	{"name of the metric counts", false, gives("1", "m", "0", "[value: 1]")},
	{"no expression", false, one("promql_expr_test: [{eval_time: 0}]")},
	{"text", false, gives("1", `"x"`, "0", "[]")},
	{"experimental function", false, gives("1", "mad_over_time(m[5m])", "0", "[]")},
	{"last bit", false, gives("1", "0.1 + 0.2", "0", "[value: 0.3]")},
	{"last bit fuzzily", true, "fuzzy_compare: true\n" + gives("1", "0.1 + 0.2", "0", "[value: 0.3]")},
	{"histogram expected", true, gives("'{{count:2}}'", "m", "0", "[{labels: m, histogram: '{{count:2}}'}]")},
	{"histogram and value expected", false, gives("'{{count:2}}'", "m", "0", "[{labels: m, value: 5, histogram: '{{count:2}}'}]")},
	{"two histograms expected", false, gives("'{{count:2}}'", "m", "0", "[{labels: m, histogram: '{{count:2}} {{count:2}}'}]")},
	{"float expected of a histogram", false, gives("'{{count:2}}'", "m", "0", "[{labels: m, histogram: 2}]")},

	// The exceptions.
	{"more than 10,000 samples in a query", false, gives("1x20000", "count_over_time(m[12000m])", "12000m", "[value: 12000]")},
	{"values over lines", false, has(3, `"0 1\n2"`)},
	{"values beside the name", true, one("input_series: [{series: m 1 2, values: 3}]")},
	{"series that is a comment", true, one(`input_series: [{series: "#m", values: 1}]`)},
	{"start of empty text", false, one(`start_timestamp: ""`)},
}

// exceptions are the verdicts in which we differ from promtool, and why.
var exceptions = map[string]string{
	"more than 10,000 samples in a query": "the engine in production takes as many as Prometheus",
	"values over lines":                   "white space is white space; promtool reads each line as a series of its own",
	"values beside the name":              "an accident of promtool's, which puts the two texts into one line",
	"series that is a comment":            "promtool drops it, and in silence all series behind it",
	"start of empty text":                 "as for each other field, no text is as no field",
}

func TestVerdicts(t *testing.T) {
	unused := len(exceptions)
	for _, v := range verdicts {
		t.Run(v.name, func(t *testing.T) {
			want := v.ok
			if _, excepted := exceptions[v.name]; excepted {
				want = !want
				unused--
			}
			if res := runText(t, v.in, Options{}); res.OK() != want {
				t.Errorf("ok %v, want %v\n%s%s", res.OK(), want, show(res), v.in)
			}
		})
	}
	if unused != 0 {
		t.Errorf("%d exceptions belong to no verdict", unused)
	}
}

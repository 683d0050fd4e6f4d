package ruletest

import (
	"fmt"
	"slices"

	"github.com/tocsin/tocsin/rules"
)

// The fields of the format, which is promtool's.
var (
	fileFields = []string{"rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare"}
	testFields = []string{
		"interval", "input_series", "alert_rule_test", "promql_expr_test",
		"external_labels", "external_url", "name", "start_timestamp",
	}
	seriesFields = []string{"series", "values"}
	alertFields  = []string{"eval_time", "alertname", "exp_alerts"}
	firingFields = []string{"exp_labels", "exp_annotations"}
)

var (
	fileForm = rules.Form{
		Name: "file of unit tests", Fields: fileFields, Hint: hintFile,
		Shape: `a file of unit tests has "rule_files:" and "tests:"`,
	}
	testForm = rules.Form{
		Name: "test", Fields: testFields, Hint: hintTest,
		Shape: `a test has "input_series", and "alert_rule_test" or "promql_expr_test"`,
	}
	seriesForm = rules.Form{
		Name: "series", Fields: seriesFields, Hint: hintTested,
		Shape: `a series has "series" and "values"`,
	}
	alertForm = rules.Form{
		Name: "test of an alert", Fields: alertFields, Hint: hintTested,
		Shape: `a test of an alert has "eval_time", "alertname" and "exp_alerts"`,
	}
	firingForm = rules.Form{
		Name: "expected alert", Fields: firingFields, Hint: hintFiring,
		Shape: `an expected alert has "exp_labels" and "exp_annotations"; {} is one that has neither`,
	}
	exprForm = rules.Form{
		Name: "test of an expression", Fields: []string{"expr", "eval_time", "exp_samples"}, Hint: hintTested,
		Shape: `a test of an expression has "expr", "eval_time" and "exp_samples"`,
	}
	sampleForm = rules.Form{
		Name: "expected sample", Fields: []string{"labels", "value", "histogram"},
		Shape: `an expected sample has "labels", and "value" or "histogram"`,
	}
)

func hintFile(name string) string {
	switch {
	case name == "groups":
		return `this looks like a rule file; name it below "rule_files:" of a file with tests for it`
	case slices.Contains(testFields, name):
		return fmt.Sprintf("%q belongs to a test, in the list below \"tests:\"; check the indentation", name)
	}
	return ""
}

func hintTest(name string) string {
	switch {
	case slices.Contains(fileFields, name):
		return fmt.Sprintf("%q belongs to the file, beside \"tests:\"; check the indentation", name)
	case name == "series" || name == "values":
		return fmt.Sprintf("%q belongs to a series, in the list below \"input_series:\"; check the indentation", name)
	case slices.Contains(alertFields, name):
		return fmt.Sprintf("%q belongs into the list below \"alert_rule_test:\" or \"promql_expr_test:\"; check the indentation", name)
	}
	return ""
}

func hintTested(name string) string {
	if slices.Contains(testFields, name) {
		return fmt.Sprintf("%q belongs to the test; check the indentation", name)
	}
	if slices.Contains(firingFields, name) {
		return fmt.Sprintf("%q belongs to an alert, in the list below \"exp_alerts:\"; check the indentation", name)
	}
	return ""
}

func hintFiring(name string) string {
	switch name {
	case "labels", "annotations":
		return fmt.Sprintf("did you mean %q?", "exp_"+name)
	case "summary", "description":
		return fmt.Sprintf("annotations go below %q", "exp_annotations:")
	}
	if slices.Contains(alertFields, name) {
		return fmt.Sprintf("%q belongs beside \"exp_alerts:\"; check the indentation", name)
	}
	return ""
}

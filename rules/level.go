package rules

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// level is a place in the format that has fields of its own.
type level struct {
	name   string
	fields []string
	// hint explains a field that belongs somewhere else; empty if it does not
	// look familiar.
	hint func(name string) string
}

var (
	fileFields  = []string{"groups"}
	groupFields = []string{"name", "interval", "query_offset", "limit", "labels", "rules"}
	ruleFields  = []string{"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"}

	fileLevel  = level{"file", fileFields, hintFile}
	groupLevel = level{"group", groupFields, hintGroup}
	ruleLevel  = level{"rule", ruleFields, hintRule}
)

// known lists the fields of m, as fields does, and reports those that the level
// does not have. The lenient leave them out instead.
func (c *checker) known(m *yaml.Node, l level) []field {
	fields := c.fields(m)
	unknown := func(f field) bool { return !slices.Contains(l.fields, f.name) }
	if c.lenient {
		return slices.DeleteFunc(fields, unknown)
	}
	for _, f := range fields {
		if unknown(f) {
			c.report(position(f.key), f.name, "unknown field in "+l.one(), l.hintUnknown(f.name))
		}
	}
	return fields
}

// one is the level's name with its article.
func (l level) one() string {
	if strings.ContainsAny(l.name[:1], "aeiou") {
		return "an " + l.name
	}
	return "a " + l.name
}

// meant tells whether one of the refused fields looks like a slip of name; then
// there is no need to report name as missing.
func (l level) meant(fields []field, name string) bool {
	for _, f := range fields {
		if !slices.Contains(l.fields, f.name) && l.hint(f.name) == "" && Nearest(f.name, l.fields) == name {
			return true
		}
	}
	return false
}

// hintUnknown guesses what an unknown field was meant to be.
func (l level) hintUnknown(name string) string {
	if hint := l.hint(name); hint != "" {
		return hint
	}
	if guess := Nearest(name, l.fields); guess != "" {
		return fmt.Sprintf("did you mean %q?", guess)
	}
	if len(l.fields) == 1 {
		return fmt.Sprintf("the only field here is %q", l.fields[0])
	}
	return "the fields of " + l.one() + " are " + strings.Join(l.fields, ", ")
}

func hintFile(name string) string {
	switch name {
	case "tests", "rule_files", "evaluation_interval":
		return "this looks like a file of unit tests for rules; keep it apart from the rule files"
	case "global", "scrape_configs", "alerting", "remote_write":
		return "this looks like Prometheus' own configuration; rule files hold groups only"
	case "apiVersion", "kind", "metadata", "spec":
		return "this looks like a Kubernetes resource; a rule file holds what is below spec, with groups at the top"
	}
	if slices.Contains(groupFields, name) || slices.Contains(ruleFields, name) {
		return `a rule file begins with "groups:", a list of groups that hold the rules`
	}
	return ""
}

func hintGroup(name string) string {
	if slices.Contains(ruleFields, name) {
		return fmt.Sprintf("%q belongs to a rule, in the list below \"rules:\"; check the indentation", name)
	}
	return ""
}

func hintRule(name string) string {
	if slices.Contains(groupFields, name) {
		return fmt.Sprintf("%q belongs to the group, beside \"rules:\"; check the indentation", name)
	}
	switch name {
	case "severity", "team", "service", "job", "instance", "priority":
		return fmt.Sprintf("did you mean %q? Labels go below \"labels:\"", "labels."+name)
	case "summary", "description", "message", "runbook", "runbook_url", "dashboard", "dashboard_url", "title":
		return fmt.Sprintf("did you mean %q? Annotations go below \"annotations:\"", "annotations."+name)
	}
	return ""
}

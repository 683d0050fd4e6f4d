package rules

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"
)

// Group is a named list of rules that are evaluated one after the other. It
// holds only the rules that are valid.
type Group struct {
	Name string
	// File is the path of the file that the group stands in, as it was found.
	File string
	// Interval between evaluations; zero means the default of the engine.
	Interval time.Duration
	// QueryOffset shifts evaluations into the past; nil means the default.
	QueryOffset *time.Duration
	// Limit is the highest number of alerts or series that one rule may have;
	// zero means no limit.
	Limit int
	Rules []Rule
	Pos   Position
}

// group reads one entry of `groups`. It is false for a group that must not run;
// its rules are checked all the same, so that one reading shows everything.
func (c *checker) group(n *yaml.Node, seen map[string]Position) (Group, bool) {
	c.at = place{}
	if isNull(n) {
		c.warn(LintIgnored, position(n), "groups", "an empty entry is ignored", "")
		return Group{}, false
	}
	m := c.mapping(n, "groups", `a group has a "name" and "rules"`)
	if m == nil {
		return Group{}, false
	}
	c.at.group = peek(m, "name")
	before := c.found
	fields := c.known(m, groupLevel)
	g := Group{
		Name:        c.text(fields, "name"),
		File:        c.path,
		Interval:    valueOr(c.duration(fields, "interval")),
		QueryOffset: c.duration(fields, "query_offset"),
		// A negative limit is no limit, as in Prometheus.
		Limit: max(0, c.integer(fields, "limit")),
		Pos:   position(m),
	}
	c.at.group = g.Name
	c.groupName(g, fields, seen)
	shared := c.textMap(fields, "labels")
	c.labels(shared)

	var rules []*yaml.Node
	if f, ok := find(fields, "rules"); ok {
		rules = c.list(f)
	}
	good := c.found == before
	c.mark(g.Pos, fields)
	g.Rules = c.rules(rules, shared)
	if good {
		c.warnTemplates(shared, g.Rules)
	}
	return g, good
}

// groupName reports a name that is missing or that another group of the file
// has: of two groups of one name the first one runs.
func (c *checker) groupName(g Group, fields []field, seen map[string]Position) {
	const hint = "give the group a name that is unique in this file"
	f, ok := find(fields, "name")
	if !ok && groupLevel.meant(fields, "name") {
		return
	}
	if !ok {
		c.report(g.Pos, "name", "is missing", hint)
		return
	}
	if g.Name == "" {
		c.refuseEmpty(f, hint)
		return
	}
	pos := position(f.value)
	if first, ok := seen[g.Name]; ok {
		c.report(pos, "name", fmt.Sprintf("another group has this name, in line %d", first.Line),
			"rename one of them, or put the rules into one group")
		return
	}
	seen[g.Name] = pos
}

// rules reads the rules of the current group and returns the valid ones.
func (c *checker) rules(nodes []*yaml.Node, shared textMap) []Rule {
	var rules []Rule
	for i, n := range nodes {
		c.at.rule, c.at.index = "", i+1
		if r, ok := c.rule(n, shared); ok {
			rules = append(rules, r)
		}
	}
	c.at.rule, c.at.index = "", 0
	return rules
}

// warnTemplates warns about group labels that will not expand. Prometheus
// checks the templates of rules only, and then every alert of the group bears
// the error's text as its label.
func (c *checker) warnTemplates(shared textMap, rules []Rule) {
	for i := range rules {
		if rules[i].Alert == "" {
			continue
		}
		for _, e := range shared.entries {
			if bad, ok := c.badTemplate(rules[i].Alert, shared, e); ok {
				c.warn(LintTemplate, bad.Pos, bad.Field, bad.Msg, bad.Hint)
			}
		}
		return
	}
}

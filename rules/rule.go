package rules

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// Position is a place in a rule file; lines and columns count from 1. The zero
// value is "the file as a whole".
type Position struct {
	Line, Column int
}

// Rule is one alerting rule (Alert is set) or recording rule (Record is set).
// It is immutable: the engine and readers share it.
type Rule struct {
	Alert  string
	Record string
	// Expr is the parsed expression. Evaluation may write to it: clone or
	// parse ExprText anew for each evaluation.
	Expr parser.Expr
	// ExprText is the expression as the user wrote it.
	ExprText      string
	For           time.Duration
	KeepFiringFor time.Duration
	// Labels are the group's labels overlaid by the rule's own; the values of
	// an alerting rule may be templates.
	Labels      labels.Labels
	Annotations labels.Labels
	Pos         Position
}

// Name is the name of the alert or of the recorded series.
func (r *Rule) Name() string {
	if r.Alert != "" {
		return r.Alert
	}
	return r.Record
}

// rule reads one entry of a group's `rules`. It is false for a rule that must
// not run.
func (c *checker) rule(n *yaml.Node, shared textMap) (Rule, bool) {
	if isNull(n) {
		c.warn(LintIgnored, position(n), "rules", "an empty entry is ignored", "")
		return Rule{}, false
	}
	m := c.mapping(n, "rules", `a rule has "alert" or "record", and "expr"`)
	if m == nil {
		return Rule{}, false
	}
	if c.at.rule = peek(m, "alert"); c.at.rule == "" {
		c.at.rule = peek(m, "record")
	}
	before := c.found
	fields := c.known(m, ruleLevel)
	r := Rule{
		Alert:         c.text(fields, "alert"),
		Record:        c.text(fields, "record"),
		For:           valueOr(c.duration(fields, "for")),
		KeepFiringFor: valueOr(c.duration(fields, "keep_firing_for")),
		Pos:           position(m),
	}
	c.at.rule = r.Name()
	own, notes := c.textMap(fields, "labels"), c.textMap(fields, "annotations")
	c.ruleName(r, fields)
	r.ExprText, r.Expr = c.expr(r, fields)
	c.labels(own)
	c.annotations(notes)
	if r.Record != "" {
		c.recordingRule(r, fields, notes)
	}
	if r.Alert != "" {
		c.templates(r.Alert, own)
		c.templates(r.Alert, notes)
	}
	if c.found > before {
		return Rule{}, false
	}
	c.mark(r.Pos, fields, shared, own, notes)
	all := maps.Clone(shared.values)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, own.values)
	r.Labels = labels.FromMap(all)
	r.Annotations = labels.FromMap(notes.values)
	return r, true
}

// ruleName reports a rule that is neither or both of alerting and recording.
func (c *checker) ruleName(r Rule, fields []field) {
	switch {
	case r.Alert != "" && r.Record != "":
		pos := r.Pos
		if f, ok := find(fields, "record"); ok {
			pos = position(f.key)
		}
		c.report(pos, "record", `a rule cannot have both "alert" and "record"`, "split it into two rules")
	case r.Alert == "" && r.Record == "":
		for _, name := range []string{"alert", "record"} {
			if f, ok := find(fields, name); ok {
				c.refuseEmpty(f, "give the rule a name")
				return
			}
			if ruleLevel.meant(fields, name) {
				return
			}
		}
		c.report(r.Pos, "", `"alert" or "record" is missing`,
			"alert: NAME makes an alerting rule, record: NAME a recording rule")
	}
}

// recordingRule reports what only alerting rules may have, and bad names.
func (c *checker) recordingRule(r Rule, fields []field, notes textMap) {
	const hint = `remove it, or write "alert" instead of "record"`
	refuse := func(name string, set bool) {
		if f, ok := find(fields, name); ok && set {
			c.report(position(f.key), name, "is not allowed in a recording rule", hint)
		}
	}
	refuse("annotations", len(notes.values) > 0)
	refuse("for", r.For != 0)
	refuse("keep_firing_for", r.KeepFiringFor != 0)

	f, _ := find(fields, "record") // it is there: the name is not empty
	switch {
	case strings.ContainsAny(r.Record, "{}"):
		c.report(position(f.value), "record", fmt.Sprintf("%q is an expression, not the name of a series", r.Record),
			"put the expression into expr, and labels to add into labels")
	case !model.UTF8Validation.IsValidMetricName(r.Record):
		c.report(position(f.value), "record", fmt.Sprintf("%q is not a valid name for a series", r.Record), "")
	}
}

package rules

import (
	"fmt"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// checker walks the tree of one file and gathers what is wrong. The walk turns
// nodes into values as the YAML decoder would; it is a walk and not a decoding
// because the decoder knows no columns and gives up at the first bad duration.
type checker struct {
	path    string
	source  *source
	promql  parser.Parser
	lenient bool // unknown fields are passed over
	marks   marks

	at       place // what is being read
	problems []Problem
	warnings []Problem
	found    int // problems, with those that are too many to be listed
}

// place is the group and the rule, or the unit test, that a problem is
// attributed to.
type place struct {
	group, rule, test string
	index             int
}

func newChecker(o Options, path string, content []byte) *checker {
	return &checker{
		path:    path,
		source:  newSource(content),
		promql:  parser.NewParser(parser.Options{}),
		lenient: o.IgnoreUnknownFields,
		marks:   marks{},
	}
}

// report adds a problem at the current place.
func (c *checker) report(pos Position, field, msg, hint string) {
	c.add(c.finding(pos, field, msg, hint))
}

// add counts a problem, and lists it while the list has room.
func (c *checker) add(p Problem) {
	c.found++
	if len(c.problems) < maxProblems {
		c.problems = append(c.problems, p)
	}
}

// warn adds a warning of that lint at the current place.
func (c *checker) warn(lint string, pos Position, field, msg, hint string) {
	if len(c.warnings) < maxProblems {
		p := c.finding(pos, field, msg, hint)
		p.Lint = lint
		c.warnings = append(c.warnings, p)
	}
}

func (c *checker) finding(pos Position, field, msg, hint string) Problem {
	return Problem{
		File: c.path, Pos: pos,
		Group: c.at.group, Rule: c.at.rule, Index: c.at.index, Test: c.at.test,
		Field: field, Msg: msg, Hint: hint,
	}
}

// listed returns the problems in reading order, and last how many are missing.
func (c *checker) listed() []Problem {
	SortProblems(c.problems)
	if more := c.found - len(c.problems); more > 0 {
		c.problems = append(c.problems, Problem{
			File: c.path, Msg: fmt.Sprintf("%d more problems are not listed", more),
		})
	}
	return c.problems
}

// position is where a node begins; for an alias, where the alias stands.
func position(n *yaml.Node) Position {
	return Position{Line: n.Line, Column: n.Column}
}

// resolve follows an alias to what it stands for. checkBounds has made sure
// that this ends.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// isNull tells whether a node is empty, `null` or `~`, which counts as absent.
func isNull(n *yaml.Node) bool {
	n = resolve(n)
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// mapping returns the mapping that n stands for, and nil for an absent one.
// Anything else is reported.
func (c *checker) mapping(n *yaml.Node, field, hint string) *yaml.Node {
	m := resolve(n)
	switch {
	case m.Kind == yaml.MappingNode:
		return m
	case !isNull(n):
		c.report(position(n), field, "must be a mapping (name: value), but is "+describe(m), hint)
	}
	return nil
}

// list returns the entries of a list, none for an absent one. Anything else is
// reported.
func (c *checker) list(f field) []*yaml.Node {
	l := resolve(f.value)
	switch {
	case l.Kind == yaml.SequenceNode:
		return l.Content
	case !isNull(f.value):
		c.report(position(f.value), f.name, "must be a list, but is "+describe(l),
			fmt.Sprintf("each entry below %q begins with %q", f.name+":", "- "))
	}
	return nil
}

// describe names the kind of a node for a reader who does not think in YAML.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	}
	switch n.ShortTag() {
	case "!!null":
		return "empty"
	case "!!bool":
		return "a boolean"
	case "!!int", "!!float":
		return "a number"
	}
	return "a text"
}

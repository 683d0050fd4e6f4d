// Package randomrules makes random rules, for the tests that compare two ways to
// evaluate the same.
package randomrules

import (
	"fmt"
	"strings"
)

// Form is what the rules of a file are made of. Of a list, any is taken.
type Form struct {
	Groups, Rules int // at most, rules in each group
	// Group are attributes of a group in YAML, "interval: 30s", of which each group
	// has one of each list.
	Group [][]string
	Expr  func() string
	// Labels and Annotations are such of an alerting rule, in YAML; only some rules
	// have one of Labels.
	Labels, Annotations []string
	// For are durations, of `for` and of keep_firing_for.
	For, Keep []string
}

// Rules is a rule file. A quarter of its rules record, all under the name rec; alerts
// have the names A0 to A2, and a label that tells of which rule they are.
func (r Speaker) Rules(f Form) string {
	var b strings.Builder
	b.WriteString("groups:\n")
	for g := range 1 + r.IntN(f.Groups) {
		fmt.Fprintf(&b, "- name: g%d\n", g)
		for _, attributes := range f.Group {
			fmt.Fprintf(&b, "  %s\n", r.Pick(attributes...))
		}
		b.WriteString("  rules:\n")
		for n := range 1 + r.IntN(f.Rules) {
			expr := strings.ReplaceAll(f.Expr(), "'", "''")
			if r.IntN(4) == 0 {
				fmt.Fprintf(&b, "  - record: rec\n    expr: '%s'\n    labels: {from: g%d, n: \"%d\"}\n", expr, g, n)
				continue
			}
			fmt.Fprintf(&b, "  - alert: A%d\n    expr: '%s'\n    for: %s\n    keep_firing_for: %s\n    labels:\n      r: g%d-%d\n",
				r.IntN(3), expr, r.Pick(f.For...), r.Pick(f.Keep...), g, n)
			if r.IntN(2) == 0 {
				fmt.Fprintf(&b, "      %s\n", r.Pick(f.Labels...))
			}
			fmt.Fprintf(&b, "    annotations:\n      s: '%s'\n", r.Pick(f.Annotations...))
		}
	}
	return b.String()
}

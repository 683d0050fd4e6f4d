package engine

import (
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/rules"
)

// Written are the names of the series that rules write.
type Written map[string]bool

// WrittenBy gives the names of the series that the rules of these groups write.
func WrittenBy(groups []rules.Group) Written {
	w := Written{alertsMetric: true, forStateMetric: true, heldMetric: true}
	for _, g := range groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				w[r.Record] = true
			}
		}
	}
	return w
}

// ReadBy tells whether a selector may match one of them.
func (w Written) ReadBy(sel *parser.VectorSelector) bool {
	for name := range w {
		if mayBeNamed(sel, name) {
			return true
		}
	}
	return false
}

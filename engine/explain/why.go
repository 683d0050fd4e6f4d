package explain

import (
	"fmt"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/api"
)

// whyNothing says why a part of an expression gives nothing: it goes down to where
// the series end.
func (p *part) whyNothing() string {
	switch n := p.expr.(type) {
	case *parser.VectorSelector, *parser.MatrixSelector:
		return p.unmatched()
	case *parser.BinaryExpr:
		return p.noPairs(n)
	case *parser.AggregateExpr:
		return p.parts[0].orNothing()
	case *parser.UnaryExpr, *parser.SubqueryExpr:
		return p.parts[0].orNothing()
	case *parser.Call:
		return p.noResult(n)
	}
	return p.node.Text + " gives nothing"
}

// orNothing explains a part if it is known to give nothing; else what it gives is
// not what counts.
func (p *part) orNothing() string {
	switch {
	case p.node.Error != "":
		return p.node.Text + " fails: " + p.node.Error
	case p.node.Skipped != "" && !p.known:
		return p.node.Text + " was not evaluated"
	case p.known && len(p.vec) == 0, p.node.Kind == "subquery":
		return p.whyNothing()
	}
	return fmt.Sprintf("%s gives %s, but nothing is left of them", p.node.Text, countSeries(len(p.vec)))
}

func (p *part) unmatched() string {
	if p.selector != nil && p.selector.Note != "" {
		return fmt.Sprintf("%s matches no series: %s", p.node.Text, p.selector.Note)
	}
	return p.node.Text + " matches no series"
}

// noResult explains a function that gives nothing.
func (p *part) noResult(n *parser.Call) string {
	for _, arg := range p.parts {
		empty := arg.known && !arg.isScalar() && len(arg.vec) == 0
		switch {
		case strings.HasPrefix(n.Func.Name, "absent") && arg.known && !empty:
			return fmt.Sprintf("%s is there, with %s", arg.node.Text, countSeries(len(arg.vec)))
		case empty, arg.node.Kind == "subquery":
			return arg.orNothing()
		}
		if w := arg.window(); w != nil && w.Most < 2 {
			return fmt.Sprintf("%s needs two samples at least, and no series of %s has more than one yet", n.Func.Name, arg.node.Text)
		}
	}
	return p.node.Text + " gives nothing"
}

func (p *part) window() *api.Window {
	if p.selector == nil {
		return nil
	}
	return p.selector.Window
}

// noPairs explains an operator whose sides leave nothing.
func (p *part) noPairs(n *parser.BinaryExpr) string {
	left, right := p.parts[0], p.parts[1]
	if c := p.comparison; c != nil && c.Total > 0 {
		return nearest(c)
	}
	gone := func(x *part) bool { return !x.isScalar() && !(x.known && len(x.vec) > 0) }
	switch {
	case n.Op == parser.LOR && gone(left) && gone(right):
		return left.orNothing() + "; and " + right.orNothing()
	case gone(left):
		return p.side("left", n) + left.asSide()
	case n.Op == parser.LUNLESS:
		return fmt.Sprintf("each of the %s of %s has a match in %s, and is left out by unless", countSeries(len(left.vec)), left.node.Text, right.node.Text)
	case gone(right):
		return p.side("right", n) + right.asSide()
	case n.Op.IsComparisonOperator() && !left.isScalar() && !right.isScalar():
		return fmt.Sprintf("no series of %s is %s its counterpart in %s, or none has one", left.node.Text, words[n.Op.String()], right.node.Text)
	}
	return fmt.Sprintf("%s has %s and %s %s, but no two have equal labels%s", left.node.Text, countSeries(len(left.vec)),
		right.node.Text, countSeries(len(right.vec)), matchedOn(n))
}

// side says which side it is, where there are two that could be empty. Of operators
// in a row, such as x and y and z, only the last one says so.
func (p *part) side(which string, n *parser.BinaryExpr) string {
	empty := p.parts[0]
	if which == "right" {
		empty = p.parts[1]
	}
	if p.parts[0].isScalar() || p.parts[1].isScalar() || empty.hasTwoSides() {
		return ""
	}
	return fmt.Sprintf("the %s side of %s is empty, ", which, n.Op)
}

// asSide explains a part that is one of several: which value it is that is not above
// its threshold is then no matter of course.
func (p *part) asSide() string {
	c := p.comparison
	if c == nil || c.Total != 1 || len(c.Series) == 0 || c.Series[0].Labels["__name__"] == "" || !p.known || len(p.vec) > 0 {
		return p.orNothing()
	}
	one := c.Series[0]
	return fmt.Sprintf("%s is %s, not %s %s", api.LabelsText(one.Labels), one.Value, words[c.Operator], c.Threshold)
}

// hasTwoSides tells whether a part is an operator over two vectors that gives nothing
// for want of one of them: it says itself which.
func (p *part) hasTwoSides() bool {
	if _, ok := p.expr.(*parser.BinaryExpr); !ok || p.parts[0].isScalar() || p.parts[1].isScalar() {
		return false
	}
	gone := func(x *part) bool { return !(x.known && len(x.vec) > 0) }
	return gone(p.parts[0]) || gone(p.parts[1])
}

// matchedOn says by which labels an operator matches its sides.
func matchedOn(n *parser.BinaryExpr) string {
	m := n.VectorMatching
	switch {
	case m == nil:
		return ""
	case m.On:
		return " (" + strings.Join(m.MatchingLabels, ", ") + ")"
	case len(m.MatchingLabels) > 0:
		return " (all but " + strings.Join(m.MatchingLabels, ", ") + ")"
	}
	return ""
}

// nearest is the series that is the nearest to a threshold that none has passed.
func nearest(c *api.Comparison) string {
	if len(c.Series) == 0 {
		return fmt.Sprintf("%s, of which none can be compared", countSeries(c.Total))
	}
	text := fmt.Sprintf("none of %s is %s %s", countSeries(c.Total), words[c.Operator], c.Threshold)
	if c.Total == 1 {
		return fmt.Sprintf("the value is %s, not %s %s", c.Series[0].Value, words[c.Operator], c.Threshold)
	}
	return text + fmt.Sprintf(", the nearest is %s with %s", api.LabelsText(c.Series[0].Labels), c.Series[0].Value)
}

// shownInText is how many series a sentence names.
const shownInText = 3

// because says why a part gives something.
func (p *part) because() string {
	if c := p.comparison; c != nil && c.True > 0 && c.True == len(p.vec) {
		names := make([]string, 0, shownInText)
		for _, d := range c.Series[:min(len(c.Series), shownInText, c.True)] {
			names = append(names, fmt.Sprintf("%s is %s", api.LabelsText(d.Labels), d.Value))
		}
		return fmt.Sprintf("%s %s %s %s: %s", countSeries(c.True), isAre(c.True), words[c.Operator], c.Threshold, andMore(names, c.True))
	}
	if call, ok := p.expr.(*parser.Call); ok && strings.HasPrefix(call.Func.Name, "absent") && len(p.parts) > 0 && p.parts[0].selector != nil {
		return p.parts[0].unmatched()
	}
	if p.scalar != nil {
		return fmt.Sprintf("the expression is %s", api.Value(*p.scalar))
	}
	names := make([]string, 0, shownInText)
	for _, s := range p.node.Series[:min(len(p.node.Series), shownInText)] {
		names = append(names, fmt.Sprintf("%s is %s", api.LabelsText(s.Labels), s.Value))
	}
	return fmt.Sprintf("the expression returns %s: %s", countSeries(len(p.vec)), andMore(names, len(p.vec)))
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func andMore(names []string, total int) string {
	text := strings.Join(names, ", ")
	if more := total - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

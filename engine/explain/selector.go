package explain

import (
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/api"
)

// lookback is how far back promql looks for a sample.
const lookback = 5 * time.Minute

// selected notes what a selector has found.
func (e *evaluator) selected(p *part, n *parser.VectorSelector, at time.Time) {
	s := &api.Selector{Place: p.node.Place, Matched: -1}
	if p.known {
		s.Matched = len(p.vec)
		if s.Matched == 0 {
			s.Note = e.missing(n, 0, at)
		}
	}
	p.selector = s
	e.selectors = append(e.selectors, *s)
}

// windowed notes what a range selector has found: p has the numbers of samples.
func (e *evaluator) windowed(p *part, n *parser.MatrixSelector, at time.Time) {
	sel := n.VectorSelector.(*parser.VectorSelector)
	w := &api.Window{Range: n.Range.Seconds(), Fewest: math.MaxInt}
	if every := e.insight.ScrapeInterval; every > 0 {
		w.Expected = int(n.Range / every)
	}
	s := &api.Selector{Place: p.node.Place, Matched: -1, Window: w}
	if p.known {
		s.Matched = len(p.vec)
		for _, one := range p.vec {
			samples := int(one.F)
			w.Samples += samples
			w.Fewest, w.Most = min(w.Fewest, samples), max(w.Most, samples)
		}
		if s.Matched == 0 {
			s.Note = e.missing(sel, n.Range, at)
		}
	}
	if w.Samples == 0 {
		w.Fewest = 0
	}
	if until, missing := e.insight.Gap(end(sel, at), n.Range); missing {
		w.Since = api.Instant(until)
		w.Note = fmt.Sprintf("samples are missing: scrapes came again only %s before its end, which is less than %s",
			api.SpanText(max(0, end(sel, at).Sub(until))), api.SpanText(n.Range))
	}
	p.selector = s
	e.selectors = append(e.selectors, *s)
}

// end is the moment at which a selector looks.
func end(n *parser.VectorSelector, at time.Time) time.Time {
	if n.Timestamp != nil {
		at = time.UnixMilli(*n.Timestamp)
	}
	return at.Add(-n.OriginalOffset)
}

// broad is a selector with one of its matchers alone, as an expression that gives a
// vector.
func broad(n *parser.VectorSelector, base int, window time.Duration) string {
	wide := *n
	wide.LabelMatchers = n.LabelMatchers[base : base+1]
	if window == 0 {
		return wide.String()
	}
	return "last_over_time(" + (&parser.MatrixSelector{VectorSelector: &wide, Range: window}).String() + ")"
}

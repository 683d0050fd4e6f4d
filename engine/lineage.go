package engine

import (
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// lineage finds what alerting rules go by: how far back their expressions reach
// and which recording rules stand between them and the targets. It belongs to one
// set of rules.
type lineage struct {
	byName map[string][]*recordingRule
	known  map[*recordingRule]origin
	// subjects are what is known of recording rules already.
	subjects map[*recordingRule]subject
}

// origin is what an expression goes by, through recording rules and all.
type origin struct {
	// window is how far back it reads: ranges, offsets and subqueries.
	window time.Duration
	// sources are the recording rules that it reads, directly or not.
	sources []*recordingRule
	// readings are what it reads of targets, directly or not.
	readings []reading
}

// trace gives each rule what it goes by.
func trace(groups []*group) {
	l := lineage{byName: map[string][]*recordingRule{}, known: map[*recordingRule]origin{}, subjects: map[*recordingRule]subject{}}
	for _, g := range groups {
		for _, r := range g.rules {
			if rec, ok := r.(*recordingRule); ok {
				rec.every, rec.offset = g.interval, g.offset
				l.byName[rec.rule.Record] = append(l.byName[rec.rule.Record], rec)
			}
		}
	}
	for _, r := range allRules(groups) {
		switch r := r.(type) {
		case *alertingRule:
			reads := l.reads(r.rule.Expr)
			o := l.of(r.rule.Expr)
			o.relabel(r.rule.Labels)
			r.origin, r.watchesAbsence, r.needsTarget = &o, reads.watchAbsence(), reads.target
		case *recordingRule:
			o := l.ofRecording(r)
			r.origin, r.watchesAbsence = &o, l.recorded(r).watchAbsence()
		}
	}
	for _, g := range groups {
		g.link()
	}
}

func (l *lineage) of(expr parser.Expr) origin {
	var o origin
	if expr == nil { // a rule that cannot be read
		return o
	}
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		sel, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		own, ofTargets := newReading(sel, path)
		o.window = max(o.window, own.window)
		if ofTargets {
			o.read(own)
		}
		for _, rec := range l.writers(sel) {
			from := l.ofRecording(rec)
			o.window = max(o.window, own.window+from.window+rec.lag())
			for _, rd := range from.readings {
				o.read(rd.behind(rec, own))
			}
			for _, src := range append([]*recordingRule{rec}, from.sources...) {
				if !slices.Contains(o.sources, src) {
					o.sources = append(o.sources, src)
				}
			}
		}
		return nil
	})
	return o
}

func (l *lineage) ofRecording(r *recordingRule) origin {
	if o, ok := l.known[r]; ok {
		return o // also while it is being found: rules may read each other in a circle
	}
	l.known[r] = origin{}
	o := l.of(r.rule.Expr)
	l.known[r] = o
	return o
}

// lag is how old the newest of what a recording rule gives may be, over what any
// evaluation lags behind: its window was that long ago.
func (r *recordingRule) lag() time.Duration {
	if r.every <= r.engine.opts.ScrapeInterval {
		return r.offset
	}
	return r.every + r.offset
}

// writers are the recording rules whose series a selector may match.
func (l *lineage) writers(sel *parser.VectorSelector) (out []*recordingRule) {
	if sel.Name != "" {
		return l.byName[sel.Name]
	}
	for name, rs := range l.byName {
		if mayBeNamed(sel, name) {
			out = append(out, rs...)
		}
	}
	return out
}

// reach is how far back a selector reads where it stands. What is fixed in time
// (@) is no matter of gaps, and what lies ahead is not there anyway.
func reach(sel *parser.VectorSelector, path []parser.Node) time.Duration {
	if sel.Timestamp != nil || sel.StartOrEnd != 0 {
		return 0
	}
	d := max(0, sel.OriginalOffset)
	for _, n := range path {
		switch n := n.(type) {
		case *parser.MatrixSelector:
			d += n.Range
		case *parser.SubqueryExpr:
			d += n.Range + max(0, n.OriginalOffset)
		}
	}
	return d
}

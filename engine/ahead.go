package engine

import (
	"context"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

// Foresight is data of which the future is known. Expressions that read nothing
// else are evaluated over it for many moments at once, which costs a tenth of one
// by one; what follows from their results is decided at each moment as ever.
type Foresight struct {
	// Queryable has all data up to Until, but for what the rules write.
	Queryable storage.Queryable
	Until     time.Time
}

const (
	// maxAhead is how many evaluations are done at once, maxAheadPoints how many
	// points they may give before the next look takes in less.
	maxAhead       = 256
	maxAheadPoints = 1 << 16
	// aheadRest is how many evaluations follow one by one after an error, of which
	// nobody knows at which of the moments it was.
	aheadRest = 64
)

// ahead holds the results of one rule for the moments to come. It expects them
// one step apart.
type ahead struct {
	engine *Engine
	expr   string
	step   time.Duration

	from, to int64 // the first and last moment that is held, in milliseconds
	series   promql.Matrix
	size     int // how many moments the next look takes in
	rest     int // how many evaluations there are until then
	misses   int // how many moments in a row were not foreseen
}

// foresee lets the rules look ahead that read nothing that rules write, and
// nothing of another time that is fixed or lies in the future.
func (e *Engine) foresee(groups []*group, w Written) {
	if e.opts.Foresight == nil {
		return
	}
	for _, g := range groups {
		for _, r := range g.rules {
			if b := r.base(); foreseeable(b.rule.Expr, w) {
				b.ahead = &ahead{engine: e, expr: b.rule.ExprText, step: g.interval, size: 1, to: -1}
			}
		}
	}
}

func foreseeable(expr parser.Expr, w Written) bool {
	ok := true
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			ok = ok && n.Timestamp == nil && n.StartOrEnd == 0 && n.OriginalOffset >= 0 && !w.ReadBy(n)
		case *parser.SubqueryExpr:
			ok = ok && n.Timestamp == nil && n.StartOrEnd == 0 && n.OriginalOffset >= 0
		}
		return nil
	})
	return ok
}

// has tells whether the result of a moment is held, and looks ahead if it may be
// that those of the next are not. A single moment that is off the others, such as
// a scrape that was late, is no reason to.
func (a *ahead) has(ctx context.Context, at time.Time) bool {
	t := at.UnixMilli()
	if t >= a.from && t <= a.to && (t-a.from)%a.step.Milliseconds() == 0 {
		a.misses = 0
		return true
	}
	if a.rest > 0 {
		a.rest--
		return false
	}
	if a.misses++; t <= a.to && a.misses < 2 {
		return false
	}
	if a.misses > 2 { // this rule has no rhythm
		a.size, a.rest, a.misses = 1, aheadRest, 0
		return false
	}
	n := min(a.size, int(a.engine.opts.Foresight.Until.Sub(at)/a.step)+1)
	a.size = min(4*a.size, maxAhead)
	return n > 1 && a.look(ctx, at, n)
}

// look evaluates n moments from at on.
func (a *ahead) look(ctx context.Context, at time.Time, n int) bool {
	a.series, a.from, a.to = nil, 0, -1
	end := at.Add(time.Duration(n-1) * a.step)
	q, err := a.engine.promql.NewRangeQuery(ctx, a.engine.opts.Foresight.Queryable, nil, a.expr, at, end, a.step)
	if err != nil {
		a.size, a.rest = 1, aheadRest
		return false
	}
	res := q.Exec(ctx)
	m, ok := res.Value.(promql.Matrix) // it lives in the memory of its query, which is not closed
	if res.Err != nil || !ok {
		a.size, a.rest = 1, aheadRest
		return false
	}
	points := 0
	for _, s := range m {
		points += len(s.Floats) + len(s.Histograms)
	}
	if points > maxAheadPoints {
		a.size = max(1, n/2)
	}
	a.series, a.from, a.to = m, at.UnixMilli(), end.UnixMilli()
	return true
}

// take gives the result of a moment that is held, and drops those before.
func (a *ahead) take(at time.Time) promql.Vector {
	t := at.UnixMilli()
	vec := make(promql.Vector, 0, len(a.series))
	for i := range a.series {
		s := &a.series[i]
		for len(s.Floats) > 0 && s.Floats[0].T < t {
			s.Floats = s.Floats[1:]
		}
		for len(s.Histograms) > 0 && s.Histograms[0].T < t {
			s.Histograms = s.Histograms[1:]
		}
		switch {
		case len(s.Floats) > 0 && s.Floats[0].T == t:
			vec = append(vec, promql.Sample{Metric: s.Metric, T: t, F: s.Floats[0].F})
		case len(s.Histograms) > 0 && s.Histograms[0].T == t:
			vec = append(vec, promql.Sample{Metric: s.Metric, T: t, H: s.Histograms[0].H})
		}
	}
	return vec
}

package plan

import (
	"slices"

	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// overtimeFunctions are the functions of a range vector whose result, without
// native histograms, is nothing or one float for each series.
func overtimeFunction(name string) bool {
	return slices.Contains([]string{
		"rate", "increase", "irate", "delta", "idelta", "deriv", "predict_linear", "changes", "resets",
		"avg_over_time", "sum_over_time", "min_over_time", "max_over_time", "count_over_time",
		"last_over_time", "first_over_time", "stddev_over_time", "stdvar_over_time", "mad_over_time",
		"quantile_over_time", "present_over_time", "double_exponential_smoothing", "integral",
		"ts_of_first_over_time", "ts_of_last_over_time", "ts_of_max_over_time", "ts_of_min_over_time",
	}, name)
}

// overtime is a function of a range selector.
type overtime struct {
	selector  *selector
	reach     int64 // how far before an evaluation it looks, as window
	order     order
	window    int64 // in milliseconds, as offset
	offset    int64
	call      promql.FunctionCall
	args      parser.Expressions
	scalars   []scalar // the other arguments
	keepsName bool
	kernel    kernel // nil: call does it all
	monotonic bool   // kernel is for series without resets
	perSecond float64
	nameless
	distinct distinct

	values  []promql.Vector
	matrix  promql.Matrix
	helper  promql.EvalNodeHelper
	cleaned []promql.FPoint
}

func (c *compiler) overtime(x *parser.Call) *overtime {
	name := x.Func.Name
	n := &overtime{
		order: c.order, call: promql.FunctionCalls[name], kernel: kernelOf(name), monotonic: name == "rate" || name == "increase", keepsName: name == "last_over_time" || name == "first_over_time",
		matrix: make(promql.Matrix, 1), helper: promql.EvalNodeHelper{LookbackDelta: c.plan.opts.Lookback},
	}
	own, err := c.plan.opts.Parser.ParseExpr(x.String()) // the engine writes to expressions, so do we
	if err != nil {
		return nil
	}
	n.args = own.(*parser.Call).Args
	for i, arg := range x.Args {
		m, ok := arg.(*parser.MatrixSelector)
		if !ok {
			s := c.scalarArg(arg)
			if s == nil {
				return nil
			}
			n.scalars = append(n.scalars, s)
			n.values = append(n.values, promql.Vector{{}})
			continue
		}
		vs := m.VectorSelector.(*parser.VectorSelector)
		if m.RangeExpr != nil || m.Range <= 0 {
			return nil
		}
		n.window, n.offset = m.Range.Milliseconds(), vs.OriginalOffset.Milliseconds()
		if n.selector, n.reach = c.selector(vs, n.window); n.selector == nil {
			return nil
		}
		n.args[i].(*parser.MatrixSelector).VectorSelector.(*parser.VectorSelector).Offset = vs.OriginalOffset
		if name == "rate" {
			n.perSecond = m.Range.Seconds()
		}
	}
	if n.selector == nil {
		return nil // a subquery
	}
	return n
}

// scalarArg compiles an argument of a function that must be a scalar.
func (c *compiler) scalarArg(e parser.Expr) scalar {
	if e.Type() != parser.ValueTypeScalar {
		return nil
	}
	return c.scalar(e)
}

func (n *overtime) eval(t *turn, out *column) bool {
	if n.reach > t.limit {
		return false
	}
	weight := 0
	for i, s := range n.scalars {
		v, w, ok := s.scalar(t)
		if !ok {
			return false
		}
		n.values[i][0].F = v
		weight += w
	}
	r := n.selector.roster(n.order)
	labels := r.labels
	if !n.keepsName {
		labels = n.from(labels)
	}
	out.reset(labels)
	n.helper.Ts = t.at
	w := span{at: t.at, to: t.at - n.offset, perSecond: n.perSecond, times: t.times}
	w.from = w.to - n.window
	if len(n.values) > 0 {
		w.scalar = n.values[0][0].F
	}
	var views [atOnce]view
	longest, ok := 0, true
	for from := 0; from < len(r.series); from += atOnce {
		next := r.series[from:min(from+atOnce, len(r.series))]
		glance(next, longest, &views)
		for k, s := range next {
			points, plain := views[k].between(w.from, w.to)
			w.last = views[k].last
			if !plain {
				if points, ok = s.between(w.from, w.to, longest); !ok {
					return false
				}
				if len(points) == 0 {
					continue
				}
				longest, w.last = max(longest, len(points)), points[len(points)-1]
			}
			switch v, is := n.of(s, points, w); is {
			case unknown:
				return false
			case present:
				out.add(int32(from+k), v)
			}
		}
	}
	out.weight = weight + longest
	return n.keepsName || n.distinct.without(r.labels, out)
}

// of computes the function for the samples of one series in the window, of which
// there is one at least.
func (n *overtime) of(s *series, points []promql.FPoint, w span) (float64, presence) {
	if s.stale > 0 {
		n.cleaned = n.cleaned[:0]
		for _, p := range points {
			if !value.IsStaleNaN(p.F) {
				n.cleaned = append(n.cleaned, p)
			}
		}
		if points = n.cleaned; len(points) == 0 {
			return 0, absent
		}
		w.last = points[len(points)-1]
	}
	if n.kernel != nil && (!n.monotonic || s.stale == 0 && s.resets == 0) {
		if v, is := n.kernel(points, w); is != unknown {
			return v, is
		}
	}
	n.matrix[0].Floats = points
	n.helper.Out = n.helper.Out[:0]
	vec, _ := n.call(n.values, n.matrix, n.args, &n.helper)
	n.helper.Out = vec[:0]
	switch {
	case len(vec) == 0:
		return 0, absent
	case vec[0].H != nil:
		return 0, unknown
	default:
		return vec[0].F, present
	}
}

package plan

import (
	"math"

	"github.com/prometheus/prometheus/promql"
)

// kernel computes a function for the samples of one series in (from, to], of which
// there is at least one and none is a stale marker. It does the same operations in
// the same order as promql's function, without what that needs for other kinds of
// samples. What it cannot compute so is unknown.
type kernel func(points []promql.FPoint, w span) (float64, presence)

// span is what a kernel may need beside the samples.
type span struct {
	from, to  int64         // ends of the window, in milliseconds
	at        int64         // timestamp of the evaluation
	perSecond float64       // of rate: length of the window in seconds
	scalar    float64       // the other argument
	last      promql.FPoint // of the samples: it is at hand where they are not
	times     *times        // of a line: those of the series before
}

// kernelOf gives the kernel of a function; nil if there is none.
func kernelOf(name string) kernel {
	kernels := map[string]kernel{
		"max_over_time": highest, "min_over_time": lowest, "sum_over_time": total, "avg_over_time": mean,
		"count_over_time": count, "last_over_time": newest, "changes": changes,
	}
	if rounds {
		kernels["rate"], kernels["increase"] = increase, increase
		kernels["predict_linear"], kernels["deriv"] = prediction, slope
	}
	return kernels[name]
}

func highest(points []promql.FPoint, _ span) (float64, presence) {
	most := points[0].F
	for _, p := range points {
		if p.F > most || math.IsNaN(most) {
			most = p.F
		}
	}
	return most, present
}

func lowest(points []promql.FPoint, _ span) (float64, presence) {
	least := points[0].F
	for _, p := range points {
		if p.F < least || math.IsNaN(least) {
			least = p.F
		}
	}
	return least, present
}

func count(points []promql.FPoint, _ span) (float64, presence) {
	return float64(len(points)), present
}

func newest(_ []promql.FPoint, w span) (float64, presence) { return w.last.F, present }

func changes(points []promql.FPoint, _ span) (float64, presence) {
	n := 0
	for i, p := range points[1:] {
		before := points[i].F
		if p.F != before && !(math.IsNaN(p.F) && math.IsNaN(before)) {
			n++
		}
	}
	return float64(n), present
}

// add adds exactly: t is the sum of a and b, rounded, and lost what rounding took
// from it. promql finds the same by another way, which has to know the larger of the
// two; only where a sum leaves the range of floats do the two differ.
func add(a, b float64) (t, lost float64) {
	t = a + b
	c := t - a
	return t, (a - (t - c)) + (b - c)
}

// finite tells whether all values are: then no sum on the way was not.
func finite(values ...float64) bool {
	for _, v := range values {
		if !(v >= -math.MaxFloat64 && v <= math.MaxFloat64) {
			return false
		}
	}
	return true
}

// compensated is the sum of all samples, and what rounding took from it.
func compensated(points []promql.FPoint) (sum, lost float64) {
	for _, p := range points {
		var l float64
		sum, l = add(sum, p.F)
		lost += l
	}
	return sum, lost
}

func total(points []promql.FPoint, _ span) (float64, presence) {
	sum, lost := compensated(points)
	if !finite(sum, lost) {
		return 0, unknown
	}
	return sum + lost, present
}

func mean(points []promql.FPoint, _ span) (float64, presence) {
	sum, lost := compensated(points)
	if !finite(sum, lost) {
		return 0, unknown
	}
	n := float64(len(points))
	return sum/n + lost/n, present
}

// increase is rate, or increase if perSecond is 0, of a counter without resets: the
// first and last sample tell all.
func increase(points []promql.FPoint, w span) (float64, presence) {
	if len(points) < 2 {
		return 0, absent
	}
	first, last := points[0], w.last
	grown := last.F - first.F
	before, after := float64(first.T-w.from)/1000, float64(w.to-last.T)/1000
	sampled := float64(last.T-first.T) / 1000
	between := sampled / float64(len(points)-1)
	threshold := between * 1.1
	if before >= threshold {
		before = between / 2
	}
	if grown > 0 && first.F >= 0 { // a counter is never below zero
		if sinceZero := sampled * (first.F / grown); sinceZero < before {
			before = sinceZero
		}
	}
	if after >= threshold {
		after = between / 2
	}
	factor := 1.0
	if sampled != 0 {
		factor = (sampled + before + after) / sampled
	}
	if w.perSecond != 0 {
		factor /= w.perSecond
	}
	return grown * factor, present
}

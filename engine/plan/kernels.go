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
	from, to  int64   // ends of the window, in milliseconds
	at        int64   // timestamp of the evaluation
	perSecond float64 // of rate: length of the window in seconds
	scalar    float64 // the other argument
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

func newest(points []promql.FPoint, _ span) (float64, presence) {
	return points[len(points)-1].F, present
}

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

// sum is a sum that keeps what rounding takes from it, as Kahan and Neumaier do.
type sum struct{ value, lost float64 }

func (s *sum) add(v float64) {
	v = float64(v) // a product is rounded before
	t := s.value + v
	switch {
	case t > math.MaxFloat64 || t < -math.MaxFloat64:
		s.lost = 0
	case math.Abs(s.value) >= math.Abs(v):
		s.lost += (s.value - t) + v
	default:
		s.lost += (v - t) + s.value
	}
	s.value = t
}

func total(points []promql.FPoint, _ span) (float64, presence) {
	var s sum
	for _, p := range points {
		s.add(p.F)
	}
	if math.IsInf(s.value, 0) {
		return s.value, present
	}
	return s.value + s.lost, present
}

// mean is left to promql where the sum is too large for a float.
func mean(points []promql.FPoint, _ span) (float64, presence) {
	s := sum{value: points[0].F}
	for _, p := range points[1:] {
		if s.add(p.F); math.IsInf(s.value, 0) {
			return 0, unknown
		}
	}
	n := float64(len(points))
	return s.value/n + s.lost/n, present
}

// increase is rate, or increase if perSecond is 0, of a counter without resets: the
// first and last sample tell all.
func increase(points []promql.FPoint, w span) (float64, presence) {
	if len(points) < 2 {
		return 0, absent
	}
	first, last := points[0], points[len(points)-1]
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

// line is the linear regression of samples over seconds since origin.
func line(points []promql.FPoint, origin int64) (slope, intercept float64) {
	var x, y, xy, xx sum
	level := true
	for _, p := range points {
		level = level && p.F == points[0].F
		t := float64(p.T-origin) / 1e3
		x.add(t)
		y.add(p.F)
		xy.add(t * p.F)
		xx.add(t * t)
	}
	if level || len(points) == 1 {
		if math.IsInf(points[0].F, 0) {
			return math.NaN(), math.NaN()
		}
		return 0, points[0].F
	}
	n := float64(len(points))
	sumX, sumY := x.value+x.lost, y.value+y.lost
	covariance := xy.value + xy.lost - sumX*sumY/n
	variance := xx.value + xx.lost - sumX*sumX/n
	slope = covariance / variance
	return slope, sumY/n - slope*sumX/n
}

func slope(points []promql.FPoint, _ span) (float64, presence) {
	if len(points) < 2 {
		return 0, absent
	}
	v, _ := line(points, points[0].T)
	return v, present
}

func prediction(points []promql.FPoint, w span) (float64, presence) {
	if len(points) < 2 {
		return 0, absent
	}
	grows, now := line(points, w.at)
	return grows*w.scalar + now, present
}

package plan

import "github.com/prometheus/prometheus/promql"

// times are those of the samples of a line, in seconds since its origin, and their
// sums. Series that are scraped together have the same.
type times struct {
	origin int64
	millis []int64
	x      []float64
	// the sums of x and of its squares, and what rounding took from them
	sum, lost, squares, lostSquares float64
}

// of makes them those of these points.
func (t *times) of(points []promql.FPoint, origin int64) {
	if t.has(points, origin) {
		return
	}
	*t = times{origin: origin, millis: t.millis[:0], x: t.x[:0]}
	for _, p := range points {
		x := float64(p.T-origin) / 1e3
		t.millis, t.x = append(t.millis, p.T), append(t.x, x)
		var l float64
		t.sum, l = add(t.sum, x)
		t.lost += l
		t.squares, l = add(t.squares, x*x)
		t.lostSquares += l
	}
}

func (t *times) has(points []promql.FPoint, origin int64) bool {
	if t.origin != origin || len(t.millis) != len(points) {
		return false
	}
	for i, p := range points {
		if t.millis[i] != p.T {
			return false
		}
	}
	return true
}

// line is the linear regression of samples over seconds since origin. It is false
// where a sum leaves the range of floats.
func line(points []promql.FPoint, origin int64, t *times) (slope, intercept float64, ok bool) {
	t.of(points, origin)
	var y, xy, lostY, lostXY float64
	level := true
	for i, p := range points {
		level = level && p.F == points[0].F
		var l float64
		y, l = add(y, p.F)
		lostY += l
		xy, l = add(xy, t.x[i]*p.F)
		lostXY += l
	}
	if !finite(y, xy, lostY, lostXY) {
		return 0, 0, false
	}
	if level {
		return 0, points[0].F, true
	}
	x, xx := t.sum+t.lost, t.squares+t.lostSquares
	y, xy = y+lostY, xy+lostXY
	n := float64(len(points))
	slope = (xy - x*y/n) / (xx - x*x/n)
	return slope, y/n - slope*x/n, true
}

func slope(points []promql.FPoint, w span) (float64, presence) {
	if len(points) < 2 {
		return 0, absent
	}
	if v, _, ok := line(points, points[0].T, w.times); ok {
		return v, present
	}
	return 0, unknown
}

func prediction(points []promql.FPoint, w span) (float64, presence) {
	if len(points) < 2 {
		return 0, absent
	}
	if grows, now, ok := line(points, w.at, w.times); ok {
		return grows*w.scalar + now, present
	}
	return 0, unknown
}

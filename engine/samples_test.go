package engine

import (
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
)

// sample is one of storage. One that is read has its histogram in fh.
type sample struct {
	labels labels.Labels
	at     time.Time
	v      float64
	h      *histogram.Histogram
	fh     *histogram.FloatHistogram
}

var staleNaN = math.Float64frombits(value.StaleNaN)

var oddFloats = []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e308, -1, 0, math.Copysign(0, -1), 2, math.MaxFloat64, staleNaN}

// scrape is what a scrape brings of the series that random expressions are about:
// they are reset, fail to come, go stale and come and go. A scrape that fails brings
// the end of all.
func (p *pair) scrape(up bool) []sample {
	out := []sample{{labels: named("up"), at: p.at, v: 1}}
	if !up {
		out[0].v = 0
	}
	for _, s := range p.series() {
		if !up && s.h == nil {
			s.v = staleNaN
		}
		if up && p.IntN(8) > 0 || !up {
			out = append(out, s)
		}
		if up && p.IntN(60) == 0 {
			s.v += float64(p.IntN(2)) // twice, and sometimes not the same
			out = append(out, s)
		}
	}
	return out
}

func named(name string, ls ...string) labels.Labels {
	return labels.FromStrings(append(ls, labels.MetricName, name, "job", "j")...)
}

// series are all of this moment.
func (p *pair) series() (out []sample) {
	add := func(v float64, name string, ls ...string) {
		out = append(out, sample{labels: named(name, ls...), at: p.at, v: v})
	}
	p.born += p.IntN(2)
	for i := range 3 {
		for _, g := range []string{"x", "y"} {
			id := []string{"i", fmt.Sprint(i), "g", g}
			add(p.count20("a", i, g), "a_total", id...)
			add(p.count20("b", i, g)/7, "b_total", id...)
			add(math.Round(p.Float64()*100)/10, "gauge", append(id, "z", "1")...)
			add(float64(p.IntN(3)), "steps", id...)
			for _, le := range []string{"0.1", "1", "5", "+Inf"} {
				add(p.count20("lat", i, g, le), "lat_bucket", append(id, "le", le)...)
			}
			add(oddFloats[p.IntN(len(oddFloats))], "weird", id...)
			if p.IntN(12) == 0 { // beyond the lookback
				add(p.Float64()*10, "sparse", id...)
			}
			add(float64(p.IntN(5)), "churn", "i", fmt.Sprint("c", p.born+i), "g", g)
		}
		add(1, "info_metric", "i", fmt.Sprint(i), "ver", fmt.Sprint("v", p.born/20), "g", "x")
		nh := sample{labels: named("nh", "i", fmt.Sprint(i)), at: p.at, v: 3}
		if p.IntN(3) > 0 { // else it is a float for a while
			nh.h = tsdbutil.GenerateTestHistogram(p.Int64N(1000))
		}
		out = append(out, nh)
	}
	return out
}

// count20 is a counter, which is reset now and then.
func (p *pair) count20(id ...any) float64 {
	key := fmt.Sprint(id...)
	if p.pens[key] += float64(p.IntN(20)); p.IntN(40) == 0 {
		p.pens[key] = 0
	}
	return p.pens[key]
}

// late are samples that somebody sends between two scrapes, of the time of the last
// and of times before.
func (p *pair) late() (out []sample) {
	for range p.IntN(4) {
		at := p.at.Add(-time.Duration(p.IntN(4)*p.IntN(90)) * time.Second)
		s := sample{labels: named([]string{"late", "gauge", "rec", "steps"}[p.IntN(4)], "i", fmt.Sprint(p.IntN(3)), "g", "x"), at: at, v: float64(p.IntN(3))}
		if p.IntN(20) == 0 {
			s.h = tsdbutil.GenerateTestHistogram(p.Int64N(10))
		}
		out = append(out, s)
	}
	return out
}

package plan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
)

// history writes random samples: resets, gaps, stale markers, values that are no
// numbers, irregular times, native histograms, series that come and go, samples
// that come late or twice.
type history struct {
	*rand.Rand
	w      *world
	at     time.Time
	series []*pen
	born   int // series of churn
}

// pen writes one series.
type pen struct {
	labels labels.Labels
	kind   string
	v      float64
}

func newHistory(w *world, rnd *rand.Rand) *history {
	h := &history{Rand: rnd, w: w, at: t0.Add(time.Duration(rnd.IntN(7000)) * time.Second)}
	for i := range 3 {
		for _, g := range []string{"x", "y"} {
			id := []string{"i", fmt.Sprint(i), "g", g}
			h.add("counter", "a_total", id...)
			h.add("irregular", "b_total", id...)
			h.add("gauge", "gauge", append(id, "z", "1")...)
			h.add("steps", "steps", id...)
			for _, le := range []string{"0.1", "1", "5", "+Inf"} {
				h.add("counter", "lat_bucket", append(id, "le", le)...)
			}
			h.add("sparse", "sparse", id...)
			h.add("weird", "weird", id...)
			h.add("late", "late", id...)
		}
		h.add("one", "info_metric", "i", fmt.Sprint(i), "ver", fmt.Sprint("v", i), "g", "x")
		h.add("histogram", "nh", "i", fmt.Sprint(i))
	}
	h.add("counter", "lat_bucket", "i", "9", "le", "bad")
	return h
}

func (h *history) add(kind, name string, ls ...string) {
	h.series = append(h.series, &pen{labels: labels.FromStrings(append(ls, labels.MetricName, name)...), kind: kind})
}

var oddFloats = []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e308, -1, 0, math.Copysign(0, -1), 2, math.MaxFloat64}

// sample is what a pen writes next; false if nothing.
func (h *history) sample(p *pen) (sampleOf, bool) {
	s := sampleOf{labels: p.labels, at: h.at}
	switch p.kind {
	case "counter":
		p.v += float64(h.IntN(20))
		s.v = p.v
		if h.IntN(25) == 0 {
			p.v = 0
		}
	case "irregular":
		p.v += h.Float64()
		s.v = p.v
		s.at = s.at.Add(time.Duration(h.IntN(3000)) * time.Millisecond)
	case "gauge":
		s.v = math.Round(h.Float64()*100) / 10
	case "steps":
		s.v = float64(h.IntN(3))
	case "sparse":
		if h.IntN(12) != 0 { // beyond the lookback
			return s, false
		}
		s.v = h.Float64() * 10
	case "weird":
		s.v = oddFloats[h.IntN(len(oddFloats))]
	case "late":
		s.v = float64(h.IntN(3))
		s.at = s.at.Add(-time.Duration(h.IntN(3)) * 10 * time.Second)
	case "one":
		s.v = 1
	case "histogram":
		if h.IntN(3) == 0 { // a series that was a float, for a while
			s.v = 3
			break
		}
		s.h = tsdbutil.GenerateTestHistogram(h.Int64N(1000))
	}
	if p.kind != "weird" && h.IntN(40) == 0 {
		s.h, s.v = nil, math.Float64frombits(value.StaleNaN)
	}
	return s, true
}

// step writes one scrape, in one or two transactions, and moves on.
func (h *history) step() {
	var batch []sampleOf
	for _, p := range h.series {
		if s, ok := h.sample(p); ok {
			batch = append(batch, s)
			if h.IntN(100) == 0 {
				again := s
				again.v += float64(h.IntN(2)) // twice, and sometimes not the same
				batch = append(batch, again)
			}
		}
	}
	if h.IntN(4) == 0 {
		h.churn()
	}
	half := h.IntN(len(batch))
	h.w.write(batch[:half]...)
	h.w.write(batch[half:]...)
}

// churn lets series of one name come and go.
func (h *history) churn() {
	h.born++
	h.add("counter", "churn", "i", fmt.Sprint("c", h.born), "g", "x")
	h.add("gauge", "gauge", "i", fmt.Sprint("c", h.born), "g", "y")
	h.Shuffle(len(h.series), func(i, j int) { h.series[i], h.series[j] = h.series[j], h.series[i] })
	if len(h.series) > 130 {
		h.series = h.series[:len(h.series)-4]
	}
}

// incident is what happens to the storage, or to time, now and then.
func (h *history) incident() string {
	switch h.IntN(30) {
	case 0:
		h.at = h.at.Add(time.Duration(1+h.IntN(20)) * time.Minute)
		return "a gap"
	case 1:
		if h.IntN(4) > 0 {
			return ""
		}
		h.at = h.at.Add(3 * time.Hour)
		return "a long gap"
	case 2:
		h.w.reopen()
		return "a restart"
	case 3:
		h.w.compact()
		return "a compaction"
	case 4:
		h.w.compact()
		h.w.reopen()
		return "a compaction and a restart"
	case 5:
		h.w.retain = h.at.Add(-time.Duration(h.IntN(600)) * time.Second).UnixMilli()
		h.w.compact()
		return "a compaction that deletes old blocks"
	case 6:
		h.rollback()
		return "a rollback"
	case 7:
		h.w.Invalidate()
		return "a failed commit"
	}
	return ""
}

// rollback writes a scrape that is taken back.
func (h *history) rollback() {
	app := h.w.AppenderV2(h.w.t.Context())
	for _, p := range h.series {
		_, _ = app.Append(0, p.labels, 0, h.at.UnixMilli(), 7, nil, nil, storage.AOptions{})
	}
	if err := app.Rollback(); err != nil {
		h.w.t.Fatal(err)
	}
}

func (w *world) reopen() {
	w.t.Helper()
	dir := w.db.Dir()
	if err := w.db.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open(dir)
	w.generation++
}

// compact brings all but the last minutes of the head into a block.
func (w *world) compact() {
	w.t.Helper()
	head := w.db.Head()
	if head.NumSeries() == 0 || head.MaxTime()-head.MinTime() < 120_000 {
		return
	}
	if err := w.db.CompactHead(tsdb.NewRangeHead(head, head.MinTime(), head.MaxTime()-60_000)); err != nil {
		w.t.Fatal(err)
	}
}

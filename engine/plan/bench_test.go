package plan

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
)

// benchSeries is how many series the benchmarks write, in two metrics.
const benchSeries = 20_000

// benchLabels are those of series i.
func benchLabels(i int) labels.Labels {
	return labels.FromStrings(labels.MetricName, []string{"a_total", "b_total"}[i%2], "instance", fmt.Sprintf("host-%04d", i/20), "cpu", fmt.Sprint(i/2%10), "job", "node")
}

// benchWriter writes one sample of each series at a time.
type benchWriter struct {
	to     storage.AppendableV2
	rnd    *rand.Rand
	labels []labels.Labels
	refs   []storage.SeriesRef
	values []float64
	at     time.Time
}

func newBenchWriter(to storage.AppendableV2) *benchWriter {
	w := &benchWriter{to: to, rnd: rand.New(rand.NewPCG(1, 1)), refs: make([]storage.SeriesRef, benchSeries), values: make([]float64, benchSeries), at: t0}
	for i := range benchSeries {
		w.labels = append(w.labels, benchLabels(i))
	}
	return w
}

func (w *benchWriter) write(b *testing.B) {
	app := w.to.AppenderV2(b.Context())
	for i, ls := range w.labels {
		w.values[i] += 10 * w.rnd.Float64()
		ref, err := app.Append(w.refs[i], ls, 0, w.at.UnixMilli(), w.values[i], nil, nil, storage.AOptions{})
		if err != nil {
			b.Fatal(err)
		}
		w.refs[i] = ref
	}
	if err := app.Commit(); err != nil {
		b.Fatal(err)
	}
	w.at = w.at.Add(step15)
}

// BenchmarkIngest stores a scrape, without and with a window that keeps all of it.
func BenchmarkIngest(b *testing.B) {
	for _, with := range []bool{false, true} {
		b.Run(fmt.Sprint("window=", with), func(b *testing.B) {
			w := newWorld(b, nil)
			writer := newBenchWriter(forward{w})
			if with {
				writer.to = w
				r := w.rules("rate(a_total[5m])", "rate(b_total[5m])")[0]
				writer.write(b)
				r.Vector(b.Context(), writer.at)
			}
			for range 30 {
				writer.write(b)
			}
			for b.Loop() {
				writer.write(b)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchSeries), "ns/sample")
		})
	}
}

// BenchmarkNodes evaluates one expression over all series of a metric.
func BenchmarkNodes(b *testing.B) {
	w := newWorld(b, nil)
	exprs := []string{
		"a_total", "rate(a_total[5m])", "max_over_time(a_total[10m])", "avg_over_time(a_total[10m])",
		"predict_linear(a_total[30m], 3600)", "sum by (instance) (a_total)", "a_total / b_total", "a_total / on (instance, cpu) group_left () b_total",
		"a_total and on (instance) b_total", "topk(5, a_total)", "quantile(0.9, a_total)",
	}
	for i, e := range exprs {
		exprs[i] = e + " > 1e18" // so that results cost nothing
	}
	rules := w.rules(exprs...)
	writer := newBenchWriter(w)
	for range 125 {
		writer.write(b)
	}
	for i, r := range rules {
		b.Run(exprs[i], func(b *testing.B) {
			at := writer.at
			r.Vector(b.Context(), at) // which fills the window, and finds what belongs together
			for b.Loop() {
				if _, ok := r.Vector(b.Context(), at); !ok {
					b.Fatal("the plan has no answer")
				}
				at = at.Add(time.Millisecond)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchSeries/2), "ns/series")
		})
	}
}

// BenchmarkKernels computes functions for the samples of one series.
func BenchmarkKernels(b *testing.B) {
	for _, n := range []int{20, 120} {
		var points []promql.FPoint
		for i := range n {
			points = append(points, promql.FPoint{T: int64(i) * 15_000, F: float64(i*i) / 7})
		}
		w := span{at: int64(n) * 15_000, from: -1, to: int64(n) * 15_000, perSecond: 300, scalar: 3600, last: points[n-1], times: &times{}}
		for _, name := range []string{"rate", "max_over_time", "sum_over_time", "avg_over_time", "changes", "predict_linear", "deriv"} {
			k := kernelOf(name)
			if k == nil {
				continue // not on this processor
			}
			b.Run(fmt.Sprintf("%s/samples=%d", name, n), func(b *testing.B) {
				for b.Loop() {
					k(points, w)
				}
			})
		}
	}
}

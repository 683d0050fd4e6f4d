package scrape

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/util/teststorage"
)

func TestSelf(t *testing.T) {
	reg := prometheus.NewRegistry()
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tocsin_x"}, []string{"k"})
	other := prometheus.NewGauge(prometheus.GaugeOpts{Name: "other"})
	hist := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "tocsin_h", Buckets: []float64{1}})
	reg.MustRegister(gauge, other, hist)
	gauge.WithLabelValues("a").Set(1)
	gauge.WithLabelValues("b").Set(2)
	hist.Observe(0.5)
	st := teststorage.New(t)
	self := &Self{Gatherer: reg, Appendable: st, Job: "tocsin", Instance: "h", Prefixes: []string{"tocsin_"}}
	at := time.Now().Add(-time.Minute)
	if err := self.Collect(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{
		`{__name__="tocsin_x", instance="h", job="tocsin", k="a"}`:            1,
		`{__name__="tocsin_x", instance="h", job="tocsin", k="b"}`:            2,
		`{__name__="tocsin_h_bucket", instance="h", job="tocsin", le="1"}`:    1,
		`{__name__="tocsin_h_bucket", instance="h", job="tocsin", le="+Inf"}`: 1,
		`{__name__="tocsin_h_sum", instance="h", job="tocsin"}`:               0.5,
		`{__name__="tocsin_h_count", instance="h", job="tocsin"}`:             1,
		`{__name__="up", instance="h", job="tocsin"}`:                         1,
	}
	if diff := cmp.Diff(want, last(t, st, ".+")); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	gauge.DeleteLabelValues("b")
	if err := self.Collect(t.Context(), at.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if v := last(t, st, "tocsin_x")[`{__name__="tocsin_x", instance="h", job="tocsin", k="b"}`]; v == v {
		t.Errorf("a metric that is gone has the value %v, want a stale marker", v)
	}
	if err := self.Collect(t.Context(), at); err == nil {
		t.Error("samples of the past were stored without an error")
	}
}

package main

import (
	"math"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

// TestVitals: what is stored of the process has the names, the kinds and nearly the
// values that /metrics has.
func TestVitals(t *testing.T) {
	stored, err := newVitals().Gather()
	if err != nil {
		t.Fatal(err)
	}
	shown, err := newProcessRegistry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*dto.MetricFamily{}
	for _, f := range shown {
		byName[f.GetName()] = f
	}
	for _, f := range stored {
		other := byName[f.GetName()]
		if other == nil || other.GetType() != f.GetType() {
			t.Errorf("%s is a %v, on /metrics %v", f.GetName(), f.GetType(), other.GetType())
			continue
		}
		got, want := valueOf(f), valueOf(other)
		if math.Abs(got-want) > want/2+.1 { // times in /proc are in hundredths
			t.Errorf("%s is %v, on /metrics %v", f.GetName(), got, want)
		}
	}
	if len(stored) != 3 {
		t.Errorf("%d vitals, want 3", len(stored))
	}
}

// valueOf is that of the first metric: only one of its kinds is set.
func valueOf(f *dto.MetricFamily) float64 {
	m := f.GetMetric()[0]
	return m.GetCounter().GetValue() + m.GetGauge().GetValue()
}

package plan

import (
	"cmp"
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
)

// equal compares two results, to the last bit. Of a value that is no number, bits
// mean nothing, unless they make it a stale marker. ordered results must come in the
// same order.
func equal(a, b promql.Vector, ordered bool) bool {
	if len(a) != len(b) {
		return false
	}
	if !ordered {
		a, b = byLabelSet(a), byLabelSet(b)
	}
	return slices.EqualFunc(a, b, func(x, y promql.Sample) bool {
		return x.T == y.T && labels.Equal(x.Metric, y.Metric) && sameFloat(x.F, y.F) &&
			(x.H == nil) == (y.H == nil) && (x.H == nil || x.H.Equals(y.H))
	})
}

func sameFloat(a, b float64) bool {
	if math.IsNaN(a) && math.IsNaN(b) {
		return value.IsStaleNaN(a) == value.IsStaleNaN(b)
	}
	return math.Float64bits(a) == math.Float64bits(b)
}

func byLabelSet(vec promql.Vector) promql.Vector {
	vec = slices.Clone(vec)
	slices.SortFunc(vec, func(x, y promql.Sample) int {
		return cmp.Or(labels.Compare(x.Metric, y.Metric), cmp.Compare(x.F, y.F))
	})
	return vec
}

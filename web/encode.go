package web

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/stats"
)

// queryData is the data of a query's response. The types' own MarshalJSON writes
// very large and very small numbers in another form than the API does, and builds
// each sample through reflection; this appends to one buffer.
type queryData struct {
	value parser.Value
	stats stats.QueryStats // nil: not asked for
}

// appendJSON fails on a kind of value that PromQL does not have today.
func (d queryData) appendJSON(b []byte) ([]byte, error) {
	b = append(b, `{"resultType":"`...)
	b = append(b, d.value.Type()...)
	b = append(b, `","result":`...)
	b, err := appendValue(b, d.value)
	if err != nil {
		return nil, err
	}
	if d.stats != nil {
		text, err := json.Marshal(d.stats)
		if err != nil {
			return nil, err
		}
		b = append(append(b, `,"stats":`...), text...)
	}
	return append(b, '}'), nil
}

// pointSize is about what a point takes in JSON. A graph has a million of them, and
// a buffer that grows by itself would be copied, and twice as large in the end.
const pointSize = 22

func appendValue(b []byte, value parser.Value) ([]byte, error) {
	switch v := value.(type) {
	case promql.Vector:
		b = append(b, '[')
		for i, s := range v {
			b = appendComma(b, i)
			b = append(b, `{"metric":`...)
			b = appendLabels(b, s.Metric)
			if s.H != nil {
				b = append(b, `,"histogram":`...)
			} else {
				b = append(b, `,"value":`...)
			}
			b = append(appendPoint(b, s.T, s.F, s.H), '}')
		}
		return append(b, ']'), nil
	case promql.Matrix:
		points := 0
		for _, s := range v {
			points += len(s.Floats)
		}
		b = append(slices.Grow(b, points*pointSize), '[')
		for i, s := range v {
			b = appendSeries(appendComma(b, i), s)
		}
		return append(b, ']'), nil
	case promql.Scalar, promql.String:
		text, err := json.Marshal(v)
		return append(b, text...), err
	}
	return nil, fmt.Errorf("encode query result of type %T", value)
}

func appendSeries(b []byte, s promql.Series) []byte {
	b = append(b, `{"metric":`...)
	b = appendLabels(b, s.Metric)
	if len(s.Floats) > 0 {
		b = append(b, `,"values":[`...)
		for i, p := range s.Floats {
			b = appendPoint(appendComma(b, i), p.T, p.F, nil)
		}
		b = append(b, ']')
	}
	if len(s.Histograms) > 0 {
		b = append(b, `,"histograms":[`...)
		for i, p := range s.Histograms {
			b = appendPoint(appendComma(b, i), p.T, 0, p.H)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// appendPoint appends [t,"f"], or [t,h] if there is a histogram.
func appendPoint(b []byte, t int64, f float64, h *histogram.FloatHistogram) []byte {
	b = append(b, '[')
	b = append(appendTimestamp(b, t), ',')
	if h != nil {
		b = appendHistogram(b, h)
	} else {
		b = appendFloat(b, f)
	}
	return append(b, ']')
}

// appendTimestamp appends milliseconds as seconds, with as many decimals as there
// are.
func appendTimestamp(b []byte, t int64) []byte {
	if t < 0 {
		b = append(b, '-')
	}
	ms := uint64(t)
	if t < 0 {
		ms = -ms // also right for the lowest int64, which has no positive
	}
	b = strconv.AppendUint(b, ms/1000, 10)
	if ms %= 1000; ms != 0 {
		b = append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	}
	return b
}

// appendFloat appends a number as a string, as JSON has no NaN and no Inf.
func appendFloat(b []byte, f float64) []byte {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	b = append(b, '"')
	return append(strconv.AppendFloat(b, f, format, -1, 64), '"')
}

// appendHistogram appends count, sum and the buckets that are not empty. A
// bucket's first number says which of its bounds belong to it.
func appendHistogram(b []byte, h *histogram.FloatHistogram) []byte {
	b = appendFloat(append(b, `{"count":`...), h.Count)
	b = appendFloat(append(b, `,"sum":`...), h.Sum)
	n := 0
	for it := h.AllBucketIterator(); it.Next(); {
		bucket := it.At()
		if bucket.Count == 0 {
			continue
		}
		if n == 0 {
			b = append(b, `,"buckets":[`...)
		}
		b = append(appendComma(b, n), '[', boundsKind(bucket.LowerInclusive, bucket.UpperInclusive))
		for _, f := range []float64{bucket.Lower, bucket.Upper, bucket.Count} {
			b = appendFloat(append(b, ','), f)
		}
		b = append(b, ']')
		n++
	}
	if n > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}

func boundsKind(lower, upper bool) byte {
	switch {
	case lower && upper:
		return '3'
	case lower:
		return '1'
	case upper:
		return '0'
	}
	return '2'
}

func appendLabels(b []byte, ls labels.Labels) []byte {
	b = append(b, '{')
	i := 0
	ls.Range(func(l labels.Label) {
		b = appendComma(b, i)
		b = appendString(b, l.Name)
		b = append(b, ':')
		b = appendString(b, l.Value)
		i++
	})
	return append(b, '}')
}

func appendString(b []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always encodes
	}
	return append(b, text...)
}

func appendComma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

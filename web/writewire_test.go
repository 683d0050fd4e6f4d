package web

import (
	"slices"
	"testing"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// wireSeries is a series that can be sent by both versions; -1 as the time of an
// exemplar stands for one whose labels are not in the table.
type wireSeries struct {
	labels     []string // pairs, in any order and number
	samples    []writev2.Sample
	histograms []writev2.Histogram
	exemplars  []int64
	metadata   writev2.Metadata
}

func named(name string, pairs ...string) wireSeries {
	return wireSeries{labels: append([]string{"__name__", name}, pairs...)}
}

func (s wireSeries) with(samples ...writev2.Sample) wireSeries {
	s.samples = samples
	return s
}

func (s wireSeries) histogram(hs ...writev2.Histogram) wireSeries {
	s.histograms = hs
	return s
}

func encodeV2(t *testing.T, all []wireSeries) []byte {
	t.Helper()
	symbols := writev2.NewSymbolTable()
	var req writev2.Request
	for _, s := range all {
		ts := writev2.TimeSeries{Samples: s.samples, Histograms: s.histograms, Metadata: s.metadata}
		for _, text := range s.labels {
			ts.LabelsRefs = append(ts.LabelsRefs, symbols.Symbolize(text))
		}
		for _, at := range s.exemplars {
			e := writev2.Exemplar{Timestamp: at, Value: 1}
			if at == -1 {
				e.LabelsRefs = []uint32{1 << 20, 1 << 20}
			}
			ts.Exemplars = append(ts.Exemplars, e)
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	req.Symbols = slices.Clone(symbols.Symbols())
	body, err := req.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return snappy.Encode(nil, body)
}

func encodeV1(t *testing.T, all []wireSeries) []byte {
	t.Helper()
	var req prompb.WriteRequest
	for _, s := range all {
		var ts prompb.TimeSeries
		for i := 0; i+1 < len(s.labels); i += 2 {
			ts.Labels = append(ts.Labels, prompb.Label{Name: s.labels[i], Value: s.labels[i+1]})
		}
		for _, p := range s.samples {
			ts.Samples = append(ts.Samples, prompb.Sample{Timestamp: p.Timestamp, Value: p.Value})
		}
		for _, p := range s.histograms {
			if p.IsFloatHistogram() {
				ts.Histograms = append(ts.Histograms, prompb.FromFloatHistogram(p.Timestamp, p.ToFloatHistogram()))
			} else {
				ts.Histograms = append(ts.Histograms, prompb.FromIntHistogram(p.Timestamp, p.ToIntHistogram()))
			}
		}
		for _, at := range s.exemplars {
			ts.Exemplars = append(ts.Exemplars, prompb.Exemplar{Timestamp: at, Value: 1})
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	body, err := req.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return snappy.Encode(nil, body)
}

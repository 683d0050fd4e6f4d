package remotewrite

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/golang/snappy"
	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// encode makes one request of samples that are in the order of time: each series
// once, with its samples in that order.
func encode(batch []sample, protocol remoteapi.WriteMessageType, known families) ([]byte, error) {
	if protocol == remoteapi.WriteV2MessageType {
		return encode2(batch, known)
	}
	return encode1(batch)
}

// bySeries numbers the series of a batch in the order in which they come.
func bySeries(batch []sample, visit func(series int, first bool, s *sample)) {
	numbers := make(map[uint64]int, len(batch))
	var seen []labels.Labels
	for i := range batch {
		s := &batch[i]
		hash := s.labels.Hash()
		n, known := numbers[hash]
		if !known || !labels.Equal(seen[n], s.labels) {
			n = len(seen)
			seen = append(seen, s.labels)
			numbers[hash] = n
			known = false
		}
		visit(n, !known, s)
	}
}

func encode1(batch []sample) ([]byte, error) {
	var req prompb.WriteRequest
	bySeries(batch, func(n int, first bool, s *sample) {
		if first {
			req.Timeseries = append(req.Timeseries, prompb.TimeSeries{Labels: prompb.FromLabels(s.labels, nil)})
		}
		ts := &req.Timeseries[n]
		switch {
		case s.h != nil:
			ts.Histograms = append(ts.Histograms, prompb.FromIntHistogram(s.t, s.h))
		case s.fh != nil:
			ts.Histograms = append(ts.Histograms, prompb.FromFloatHistogram(s.t, s.fh))
		default:
			ts.Samples = append(ts.Samples, prompb.Sample{Timestamp: s.t, Value: s.v})
		}
	})
	return compress(req.Marshal())
}

func encode2(batch []sample, known families) ([]byte, error) {
	var req writev2.Request
	symbols := writev2.NewSymbolTable()
	bySeries(batch, func(n int, first bool, s *sample) {
		if first {
			ts := writev2.TimeSeries{LabelsRefs: symbols.SymbolizeLabels(s.labels, nil)}
			if m, ok := known.of(s.labels.Get(labels.MetricName)); ok {
				ts.Metadata = writev2.Metadata{
					Type: writev2.FromMetadataType(m.Type), HelpRef: symbols.Symbolize(m.Help), UnitRef: symbols.Symbolize(m.Unit),
				}
			}
			req.Timeseries = append(req.Timeseries, ts)
		}
		ts := &req.Timeseries[n]
		switch {
		case s.h != nil:
			ts.Histograms = append(ts.Histograms, writev2.FromIntHistogram(0, s.t, s.h))
		case s.fh != nil:
			ts.Histograms = append(ts.Histograms, writev2.FromFloatHistogram(0, s.t, s.fh))
		default:
			ts.Samples = append(ts.Samples, writev2.Sample{Timestamp: s.t, Value: s.v})
		}
	})
	req.Symbols = symbols.Symbols()
	return compress(req.Marshal())
}

func compress(message []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return snappy.Encode(nil, message), nil
}

// families are what targets say of their metrics, by name.
type families map[string]Metadata

func newFamilies(list []Metadata) families {
	f := make(families, len(list))
	for _, m := range list {
		f[m.Family] = m
	}
	return f
}

// list is in the order of names.
func (f families) list() []Metadata {
	return slices.SortedFunc(maps.Values(f), func(a, b Metadata) int { return cmp.Compare(a.Family, b.Family) })
}

// of finds the family of a metric: its own name, or that without the suffix that
// counters, summaries and histograms give to their series.
func (f families) of(metric string) (Metadata, bool) {
	if m, ok := f[metric]; ok || len(f) == 0 {
		return m, ok
	}
	for _, suffix := range []string{"_total", "_bucket", "_sum", "_count", "_info"} {
		if family, ok := strings.CutSuffix(metric, suffix); ok {
			m, ok := f[family]
			return m, ok
		}
	}
	return Metadata{}, false
}

// encodeMetadata makes the requests by which version 1.0 tells of families.
func encodeMetadata(list []Metadata, perRequest int) (requests [][]byte, err error) {
	for len(list) > 0 {
		n := min(perRequest, len(list))
		var req prompb.WriteRequest
		for _, m := range list[:n] {
			req.Metadata = append(req.Metadata, prompb.MetricMetadata{
				MetricFamilyName: m.Family, Type: prompb.FromMetadataType(m.Type), Help: m.Help, Unit: m.Unit,
			})
		}
		body, err := compress(req.Marshal())
		if err != nil {
			return nil, err
		}
		requests, list = append(requests, body), list[n:]
	}
	return requests, nil
}

package storage

import (
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/index"
)

// Cardinality is what the head of the TSDB consists of: where the series come
// from, for who wants to have fewer.
type Cardinality struct {
	Series, LabelPairs uint64
	Chunks             int64
	// MinTime and MaxTime of the samples in milliseconds, as the TSDB gives them:
	// an empty head has the extremes of int64.
	MinTime, MaxTime int64
	// The largest first, as many as were asked for.
	SeriesByMetric, ValuesByLabel, BytesByLabel, SeriesByPair []Count
}

// Count is the number of something that has a name.
type Count struct {
	Name  string
	Value uint64
}

// Cardinality counts; it walks the index of the head. limit bounds each list. The
// error is ErrNotReady.
func (s *Store) Cardinality(limit int) (Cardinality, error) {
	h, release, err := s.acquire()
	if err != nil {
		return Cardinality{}, err
	}
	defer release()
	st := h.db.Head().Stats(labels.MetricName, limit)
	return Cardinality{
		Series:         st.NumSeries,
		LabelPairs:     uint64(st.IndexPostingStats.NumLabelPairs),
		Chunks:         s.headChunks(),
		MinTime:        st.MinTime,
		MaxTime:        st.MaxTime,
		SeriesByMetric: counts(st.IndexPostingStats.CardinalityMetricsStats),
		ValuesByLabel:  counts(st.IndexPostingStats.CardinalityLabelStats),
		BytesByLabel:   counts(st.IndexPostingStats.LabelValueStats),
		SeriesByPair:   counts(st.IndexPostingStats.LabelValuePairsStats),
	}, nil
}

// headChunks is the TSDB's own gauge: it tells the number in no other way.
func (s *Store) headChunks() int64 {
	families, _ := s.Gather() // what could be gathered will do
	for _, f := range families {
		if f.GetName() == "prometheus_tsdb_head_chunks" && len(f.Metric) == 1 {
			return int64(f.Metric[0].GetGauge().GetValue())
		}
	}
	return 0
}

func counts(stats []index.Stat) []Count {
	list := make([]Count, len(stats))
	for i, st := range stats {
		list[i] = Count{Name: st.Name, Value: st.Count}
	}
	return list
}

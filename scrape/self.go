package scrape

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

// Self is Tocsin as its own target: its metrics go into storage without HTTP, so
// that self-alerts are ordinary rules. It is for one goroutine.
type Self struct {
	Gatherer   prometheus.Gatherer
	Appendable storage.AppendableV2
	// Job and Instance become the labels job and instance.
	Job, Instance string
	// Prefixes choose what is stored: metrics whose names begin so. The rest is
	// on /metrics; storing it would cost the flash more than the engine's own.
	Prefixes []string

	series map[string]*selfSeries // by metric, of all collections
}

type selfSeries struct {
	labels labels.Labels
	ref    storage.SeriesRef
	at     int64 // of the last sample
}

// Collect stores the metrics of the moment with the timestamp at, and marks
// stale what is no more.
func (s *Self) Collect(ctx context.Context, at time.Time) error {
	families, err := s.Gatherer.Gather()
	if err != nil {
		return fmt.Errorf("gather own metrics: %w", err)
	}
	if s.series == nil {
		s.series = map[string]*selfSeries{}
	}
	samples := model.Vector{{Metric: model.Metric{model.MetricNameLabel: "up"}, Value: 1}}
	for _, f := range families {
		if !s.wanted(f.GetName()) {
			continue
		}
		some, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{Timestamp: model.TimeFromUnixNano(at.UnixNano())}, f)
		if err != nil {
			return fmt.Errorf("read own metric %s: %w", f.GetName(), err)
		}
		samples = append(samples, some...)
	}
	return s.store(ctx, samples, at.UnixMilli())
}

func (s *Self) wanted(name string) bool {
	for _, p := range s.Prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

func (s *Self) store(ctx context.Context, samples model.Vector, at int64) error {
	app := s.Appendable.AppenderV2(ctx)
	opts := storage.AOptions{RejectOutOfOrder: true}
	var firstErr error
	put := func(ser *selfSeries, v float64) {
		ref, err := app.Append(ser.ref, ser.labels, 0, at, v, nil, nil, opts)
		if err != nil {
			if firstErr == nil {
				firstErr = fmt.Errorf("store own metrics: %w", err)
			}
			return
		}
		ser.ref = ref
	}
	for _, sample := range samples {
		key := sample.Metric.String()
		ser := s.series[key]
		if ser == nil {
			ser = &selfSeries{labels: s.labelsOf(sample.Metric)}
			s.series[key] = ser
		}
		ser.at = at
		put(ser, float64(sample.Value))
	}
	for key, ser := range s.series {
		if ser.at != at {
			put(ser, math.Float64frombits(value.StaleNaN))
			delete(s.series, key)
		}
	}
	if err := app.Commit(); err != nil {
		return fmt.Errorf("store own metrics: %w", err)
	}
	return firstErr
}

func (s *Self) labelsOf(m model.Metric) labels.Labels {
	b := labels.NewBuilder(labels.EmptyLabels())
	for name, v := range m {
		b.Set(string(name), string(v))
	}
	b.Set(model.JobLabel, s.Job)
	b.Set(model.InstanceLabel, s.Instance)
	return b.Labels()
}

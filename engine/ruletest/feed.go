package ruletest

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

// feed stores the input of a test as its time goes on: rules must not see the
// future.
type feed struct {
	to       storage.AppendableV2
	interval time.Duration
	series   []*stream
}

// stream is what is left of one input series.
type stream struct {
	ref    storage.SeriesRef
	labels labels.Labels
	values []parser.SequenceValue
	next   time.Time // of values[0]
}

func newFeed(t *Test, to storage.AppendableV2) *feed {
	f := &feed{to: to, interval: t.Interval}
	for _, s := range t.Series {
		f.series = append(f.series, &stream{labels: s.Labels, values: s.Values, next: t.Start})
	}
	return f
}

// until stores all samples up to at.
func (f *feed) until(ctx context.Context, at time.Time) error {
	app := f.to.AppenderV2(ctx)
	for _, s := range f.series {
		for len(s.values) > 0 && !s.next.After(at) {
			if err := s.store(app); err != nil {
				_ = app.Rollback() // the test ends with err
				return fmt.Errorf("store input series %s: %w", s.labels, err)
			}
			s.values, s.next = s.values[1:], s.next.Add(f.interval)
		}
	}
	if err := app.Commit(); err != nil {
		return fmt.Errorf("store input series: %w", err)
	}
	return nil
}

// store appends the first of the values.
func (s *stream) store(app storage.AppenderV2) error {
	v := s.values[0]
	if v.Omitted {
		return nil
	}
	value := v.Value
	if v.Histogram != nil {
		value = 0
	}
	ref, err := app.Append(s.ref, s.labels, 0, s.next.UnixMilli(), value, nil, v.Histogram, storage.AOptions{})
	s.ref = ref
	return err
}

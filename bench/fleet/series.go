package main

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// ruleFile is what every host evaluates.
const ruleFile = `groups:
- name: fleet
  rules:
  - alert: Watchdog
    expr: vector(1)
    labels: {severity: none}
    annotations: {summary: "This host alerts."}
  - alert: DiskFilling
    expr: disk_free_ratio < 0.1
    labels: {severity: warning}
    annotations:
      summary: 'The disk at {{ $labels.name }} has {{ $value | humanizePercentage }} left.'
      runbook_url: https://runbooks.example/DiskFilling
  - alert: LinkDown
    expr: link_up == 0
    labels: {severity: critical}
    annotations:
      summary: 'The link {{ $labels.name }} is down.'
      runbook_url: https://runbooks.example/LinkDown
  - alert: JobFailed
    expr: job_failed > 0
    labels: {severity: warning}
    annotations:
      summary: 'The job {{ $labels.name }} has failed.'
      runbook_url: https://runbooks.example/JobFailed
`

// series are those of one host: their values are functions of the time.
type series struct {
	script *script
	phase  float64 // of this host in what happens to each at another time
}

// value is that of a metric at t, and how many series of it there are.
func (s *series) value(metric string, t time.Time) (v float64, count int) {
	within := func(from, to time.Time) bool { return !t.Before(from) && t.Before(to) }
	switch metric {
	case "disk_free_ratio":
		return 0.05, s.script.standing
	case "link_up":
		if within(s.script.siteFrom, s.script.siteTo) {
			return 0, s.script.siteAlerts
		}
		return 1, s.script.siteAlerts
	case "job_failed":
		if within(s.script.incident(s.phase)) {
			return 1, 1
		}
		return 0, 1
	}
	return 0, 0
}

// Querier implements storage.Queryable: each series has one sample, at the end.
func (s *series) Querier(_, maxt int64) (storage.Querier, error) { return querier{s, maxt}, nil }

type querier struct {
	series *series
	at     int64
}

// Select implements storage.Querier.
func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	for _, m := range matchers {
		if m.Name == labels.MetricName && m.Type == labels.MatchEqual {
			v, n := q.series.value(m.Value, time.UnixMilli(q.at))
			return &seriesSet{metric: m.Value, at: q.at, v: v, left: n}
		}
	}
	return storage.EmptySeriesSet()
}

// LabelValues implements storage.Querier.
func (querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// LabelNames implements storage.Querier.
func (querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// Close implements storage.Querier.
func (querier) Close() error { return nil }

// seriesSet are the series of one metric, told apart by their name.
type seriesSet struct {
	metric string
	at     int64
	v      float64
	left   int
}

// Next implements storage.SeriesSet.
func (s *seriesSet) Next() bool { s.left--; return s.left >= 0 }

// At implements storage.SeriesSet.
func (s *seriesSet) At() storage.Series {
	return promql.NewStorageSeries(promql.Series{
		Metric: labels.FromStrings(labels.MetricName, s.metric, "name", "n"+strconv.Itoa(s.left)),
		Floats: []promql.FPoint{{T: s.at, F: s.v}},
	})
}

// Err implements storage.SeriesSet.
func (*seriesSet) Err() error { return nil }

// Warnings implements storage.SeriesSet.
func (*seriesSet) Warnings() annotations.Annotations { return nil }

// nowhere is where the series of alerts go.
type nowhere struct{}

// AppenderV2 implements storage.AppendableV2.
func (n nowhere) AppenderV2(context.Context) storage.AppenderV2 { return n }

// Append implements storage.AppenderV2.
func (nowhere) Append(storage.SeriesRef, labels.Labels, int64, int64, float64, *histogram.Histogram, *histogram.FloatHistogram, storage.AppendV2Options) (storage.SeriesRef, error) {
	return 1, nil
}

// Commit implements storage.AppenderV2.
func (nowhere) Commit() error { return nil }

// Rollback implements storage.AppenderV2.
func (nowhere) Rollback() error { return nil }

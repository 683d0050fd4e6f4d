package replay

import (
	"context"
	"errors"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/tocsin/tocsin/rules"
)

// world is what the rules see: the history up to now, and over it what they have
// written themselves. What rules wrote when the history was made is hidden, so
// that no series is of both.
type world struct {
	past    *window
	scratch *scratch
}

// seek moves the world to a moment.
func (w *world) seek(now millis) { w.past.now, w.scratch.now = now, now }

// Querier implements storage.Queryable.
func (w *world) Querier(mint, maxt millis) (storage.Querier, error) {
	return &querier{past: w.past, scratch: w.scratch, mint: mint, maxt: maxt}, nil
}

// future is the history as it goes on after now.
type future struct{ past *window }

// Querier implements storage.Queryable.
func (f future) Querier(mint, maxt millis) (storage.Querier, error) {
	return &querier{past: f.past, mint: mint, maxt: maxt}, nil
}

type querier struct {
	noLabelQueries
	past       *window
	scratch    *scratch // nil in the future: there nothing is written yet
	mint, maxt millis
}

// Select implements storage.Querier.
func (q *querier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	start, end := q.mint, q.maxt
	if hints != nil {
		start, end = hints.Start, hints.End
	}
	if q.scratch != nil {
		end = min(end, q.past.now) // an offset into the future sees none of it
	}
	list, err := q.past.find(ctx, nil, start, end, ms)
	if err != nil {
		return storage.ErrSeriesSet(err)
	}
	if q.scratch != nil {
		list = q.scratch.find(list, start, end, ms)
	}
	if sorted {
		sortSeries(list)
	}
	return &seriesSet{list: list}
}

// noLabelQueries is the part of storage.Querier that rules have no use for.
type noLabelQueries struct{}

var errNoLabelQueries = errors.New("rules have no use for label queries")

func (noLabelQueries) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errNoLabelQueries
}

func (noLabelQueries) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errNoLabelQueries
}

func (noLabelQueries) Close() error { return nil }

// written tells which series the rules write: those of alerts, and of each
// recording rule the ones of its name that bear its labels.
func written(groups []rules.Group) func(labels.Labels) bool {
	recorded := map[string][]labels.Labels{}
	for _, name := range []string{"ALERTS", "ALERTS_FOR_STATE", "ALERTS_HELD"} {
		recorded[name] = []labels.Labels{labels.EmptyLabels()}
	}
	for _, g := range groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				recorded[r.Record] = append(recorded[r.Record], r.Labels)
			}
		}
	}
	return func(ls labels.Labels) bool {
		for _, own := range recorded[ls.Get(labels.MetricName)] {
			if bears(ls, own) {
				return true
			}
		}
		return false
	}
}

// bears tells whether ls has all of own; an empty label is one that is not there.
func bears(ls, own labels.Labels) bool {
	all := true
	own.Range(func(l labels.Label) { all = all && ls.Get(l.Name) == l.Value })
	return all
}

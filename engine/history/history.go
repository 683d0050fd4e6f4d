// Package history reads back from storage what alerts have been: the series that
// alerting rules write, as incidents with a beginning and an end, and the times in
// which nobody looked.
//
// Its invariant: an incident ends where the engine has ended it, which a marker of
// staleness says. Where samples are missing and there is no marker, nobody looked:
// a stop, a pause or a crash ends no incident.
package history

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// The series that are read: since when an alert is active, and its state.
const (
	forStateMetric = "ALERTS_FOR_STATE"
	alertsMetric   = "ALERTS"
	stateLabel     = "alertstate"
	upMetric       = "up"
)

// maxIncidents bounds the incidents of one alert: one may come and go with every
// evaluation for days.
const maxIncidents = 500

// maxTargets bounds the targets whose scrapes are read: one that is always there
// tells as much as a thousand.
const maxTargets = 50

// Options are what Read is about.
type Options struct {
	Source   storage.Queryable
	From, To time.Time
	// Matchers narrow the alerts by their labels, Keep in any other way; nil keeps
	// all.
	Matchers []*labels.Matcher
	Keep     func(labels.Labels) bool
	// Interval is the longest time between two scrapes. What is missing for three of
	// them is a gap.
	Interval time.Duration
	// Evaluation is the longest time between two evaluations of a rule: an alert whose
	// last sample is older than three of them no longer goes on.
	Evaluation time.Duration
	// MaxAlerts bounds the alerts that are read.
	MaxAlerts int
}

// History is what was, from From to To.
type History struct {
	// Alerts are in the order of their labels.
	Alerts []Alert
	// Left is the number of alerts beyond MaxAlerts, which are not read.
	Left int
	// Gaps are those between From and To. Without any scrape they are not Known.
	Gaps  []Gap
	Known bool
}

// Alert is one alert and its incidents, in the order of time.
type Alert struct {
	// Labels are the alert's, as ALERTS has them, without name and state.
	Labels    labels.Labels
	Incidents []Incident
	// Earlier is the number of incidents before these, of which nothing is kept.
	Earlier int
}

// Gap is a time in which nothing was scraped: Tocsin, or its host, did not run.
type Gap struct{ From, To time.Time }

// Read reads the history. It fails where storage does, and where ctx ends.
func Read(ctx context.Context, o Options) (*History, error) {
	q, err := o.Source.Querier(o.From.UnixMilli(), o.To.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	defer q.Close()
	r := &reader{Options: o, ctx: ctx, querier: q, seen: newCoverage(o.From, o.To, o.Interval), byLabels: map[string]int{}}
	for _, read := range []func() error{r.scrapes, r.incidents, r.firing} {
		if err := read(); err != nil {
			return nil, fmt.Errorf("read history: %w", err)
		}
	}
	r.end()
	r.out.Known = !r.seen.empty()
	if r.out.Known {
		r.out.Gaps = r.seen.gaps()
	}
	return &r.out, nil
}

// reader holds what is read so far.
type reader struct {
	Options
	ctx      context.Context
	querier  storage.Querier
	seen     *coverage
	byLabels map[string]int // index in out.Alerts
	out      History
	it       chunkenc.Iterator // to be used again
}

// scrapes notes when something was scraped.
func (r *reader) scrapes() error {
	set := r.open(upMetric)
	for n := 0; n < maxTargets && set.Next(); n++ {
		if err := r.each(set.At(), func(t millis, _ float64, _ bool) { r.seen.note(t) }); err != nil {
			return err
		}
	}
	return set.Err()
}

// incidents reads since when each alert was active.
func (r *reader) incidents() error {
	set := r.open(forStateMetric, r.Matchers...)
	for set.Next() {
		own := without(set.At().Labels(), labels.MetricName)
		if r.Keep != nil && !r.Keep(own) {
			continue
		}
		if len(r.out.Alerts) == r.MaxAlerts {
			r.out.Left++
			continue
		}
		tr := tracker{seen: r.seen}
		if err := r.each(set.At(), tr.add); err != nil {
			return err
		}
		if len(tr.all) == 0 { // markers alone: it ended before
			continue
		}
		r.byLabels[string(own.Bytes(nil))] = len(r.out.Alerts)
		r.out.Alerts = append(r.out.Alerts, Alert{Labels: own, Incidents: tr.all, Earlier: tr.earlier})
	}
	return set.Err()
}

// firing reads since when each incident fired.
func (r *reader) firing() error {
	state := labels.MustNewMatcher(labels.MatchEqual, stateLabel, "firing")
	set := r.open(alertsMetric, append(slices.Clone(r.Matchers), state)...)
	for set.Next() {
		own := without(set.At().Labels(), labels.MetricName, stateLabel)
		i, known := r.byLabels[string(own.Bytes(nil))]
		if !known {
			continue
		}
		rest := r.out.Alerts[i].Incidents
		err := r.each(set.At(), func(t millis, _ float64, ended bool) {
			at := time.UnixMilli(t)
			for len(rest) > 0 && rest[0].End.Before(at) {
				rest = rest[1:]
			}
			if !ended && len(rest) > 0 && rest[0].Fired.IsZero() && !at.Before(rest[0].Start) {
				rest[0].Fired = at.UTC()
			}
		})
		if err != nil {
			return err
		}
	}
	return set.Err()
}

// end tells for the last incident of each alert whether it goes on.
func (r *reader) end() {
	last := r.To
	if !r.seen.empty() {
		last = time.UnixMilli(r.seen.last)
	}
	for _, a := range r.out.Alerts {
		x := &a.Incidents[len(a.Incidents)-1]
		x.Open = !x.Resolved && last.Sub(x.End) < max(r.seen.width(), gapIntervals*r.Evaluation)
	}
}

func (r *reader) open(metric string, ms ...*labels.Matcher) storage.SeriesSet {
	hints := &storage.SelectHints{Start: r.From.UnixMilli(), End: r.To.UnixMilli()}
	return r.querier.Select(r.ctx, true, hints, append(slices.Clone(ms), labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, metric))...)
}

// each calls f for each sample of a series. What ended is a marker of staleness.
func (r *reader) each(s storage.Series, f func(t millis, v float64, ended bool)) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	r.it = s.Iterator(r.it)
	for {
		switch r.it.Next() {
		case chunkenc.ValNone:
			return r.it.Err()
		case chunkenc.ValFloat:
			t, v := r.it.At()
			f(t, v, value.IsStaleNaN(v))
		}
	}
}

// without are the labels without some, in memory of their own: storage's is gone
// when its querier is closed.
func without(ls labels.Labels, names ...string) labels.Labels {
	return labels.NewBuilder(ls.Copy()).Del(names...).Labels()
}

// Package replay runs rules over history: what would have fired, and when. The
// engine is the one that runs in production; only time and storage are others.
//
// Invariants: the history is read and never written, what rules write ends with
// the replay; no rule sees what was recorded after the moment of its evaluation,
// or what rules wrote when the history was made; an evaluation takes place when
// it would have, and where nothing was scraped there is none.
package replay

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/rules"
)

// Options say what to replay over what.
type Options struct {
	Groups []rules.Group
	// History is what was recorded: a data directory, or a running instance.
	History storage.Queryable
	// From and To bound what is reported; evaluation begins as much earlier as
	// the longest `for` needs.
	From, To time.Time
	// Interval is that of groups without their own; ScrapeInterval that of the
	// scrapes where the history does not show it.
	Interval, ScrapeInterval time.Duration
	HoldLimit                time.Duration
	// ExternalLabels and ExternalURL are for templates.
	ExternalLabels labels.Labels
	ExternalURL    *url.URL
	// Job is the label job of the target whose scrapes the evaluations follow.
	Job string
	// CountsMetric is there in each of its scrapes, InfoMetric only once it knows
	// what it counts: between them the engine is blind. May be empty.
	CountsMetric, InfoMetric string
	// Progress is called after each tick with the part that is done, from 0 to 1.
	// May be nil.
	Progress func(done float64, at time.Time, firing int)
}

// Report is what a replay found.
type Report struct {
	From, To time.Time
	// Alerts by their start.
	Alerts []Alert
	// Gaps are times in which nothing was evaluated.
	Gaps []Gap
	// Failures are rules that ended in an error.
	Failures []Failure
	// Interval is that of the scrapes.
	Interval      time.Duration
	Groups, Rules int
	// Evaluations of rules.
	Evaluations int
}

// ErrNothingRecorded: there is not one scrape between From and To.
var ErrNothingRecorded = errors.New("nothing was recorded in this time")

// Run replays. It fails if the history cannot be read or ctx ends; rules that fail
// are in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	start := o.From.Add(-warmUp(o.Groups))
	tl, err := readTimeline(ctx, o, start, o.To)
	if err != nil {
		return nil, err
	}
	if n := len(tl.ticks); n == 0 || tl.ticks[n-1].At.Before(o.From) {
		return nil, ErrNothingRecorded
	}
	back := reach(o.Groups)
	w := &world{
		past:    newWindow(o.History, o.To.UnixMilli(), tl.interval.Milliseconds(), written(o.Groups)),
		scratch: newScratch(back.Milliseconds()),
	}
	if back == endless {
		w.scratch.reach = -1
	}
	tr := newTracker()
	eng := engine.New(engine.Options{
		Queryable: w, Appendable: w.scratch, Interval: o.Interval, ScrapeInterval: tl.interval, HoldLimit: o.HoldLimit,
		ExternalLabels: o.ExternalLabels, ExternalURL: o.ExternalURL, Observe: tr.observe, NoAnnotations: true,
		Foresight: &engine.Foresight{Queryable: future{w.past}, Until: o.To},
	})
	eng.Load(o.Groups, true)
	for i, t := range tl.ticks {
		if t.resumes {
			eng.Suspend()
		}
		w.seek(t.At.UnixMilli())
		eng.Replay(ctx, t.Tick)
		if err := errors.Join(ctx.Err(), w.past.err); err != nil {
			return nil, err
		}
		if o.Progress != nil {
			o.Progress(float64(i+1)/float64(len(tl.ticks)), t.At, len(tr.open))
		}
	}
	r := &Report{
		From: o.From, To: o.To, Alerts: tr.alerts(o.From), Gaps: tl.gapsWithin(o.From, o.To), Failures: tr.failures(o.Groups),
		Interval: tl.interval, Evaluations: tr.evaluations,
	}
	for _, g := range o.Groups {
		if len(g.Rules) > 0 { // else its rules are all bad
			r.Groups++
			r.Rules += len(g.Rules)
		}
	}
	return r, nil
}

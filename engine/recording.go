package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

var errDuplicateSeries = errors.New("two results have the same labels once the rule's name and labels are applied: add a label that tells them apart, or aggregate them away")

// errBlind: an engine that starts shows 0 where it does not know yet.
var errBlind = errors.New("the Docker engine has not restored its containers yet")

// recordingRule stores what its expression gives under a name of its own.
type recordingRule struct {
	ruleBase
	engine *Engine
	// watchesAbsence is as an alerting rule's. every and offset are its group's. All
	// three are set by trace.
	watchesAbsence bool
	every, offset  time.Duration
	origin         *origin
	// doubt: what the evaluation under way gives may lack something. troubled are the
	// targets of which alone it does, beside that.
	doubt    bool
	troubled []*suspect
	// lacks are the targets of which what it recorded last may lack something.
	lacks atomic.Pointer[[]*suspect]
	// unsure: what it recorded last may lack what a failed scrape or an error kept
	// from it, or what storage did not take. Alerting rules of other groups ask for it.
	unsure atomic.Bool
	// recordedAt is when it last was sure, in the time of its data and in
	// milliseconds; zero is never.
	recordedAt atomic.Int64
}

func (r *recordingRule) eval(ctx context.Context, in input) ([]point, error) {
	points, err := r.record(ctx, in)
	if !errors.Is(ctx.Err(), context.Canceled) {
		stale, blind := r.engine.doubtful()
		fresh := in.fresh && !stale && !in.coverage.missed(in.at)
		r.doubt = err != nil || (blind || !fresh && !r.watchesAbsence) && r.lacksOwn(blind)
		if r.doubt { // else it is sure when storage has it
			r.unsure.Store(true)
		}
		r.troubled = r.engine.troubled(r.origin, r.watchesAbsence, in)
		if len(r.troubled) > 0 {
			both := append(r.lacked(), r.troubled...)
			r.lacks.Store(&both)
		}
	}
	return points, err
}

// wrote notes whether storage took what an evaluation gave.
func (r *recordingRule) wrote(in input, err error) {
	doubt := r.doubt || err != nil
	if !doubt {
		r.recordedAt.Store(in.at.UnixMilli())
	}
	r.unsure.Store(doubt)
	if now := r.troubled; len(now) > 0 {
		r.lacks.Store(&now)
	} else if r.lacks.Load() != nil {
		r.lacks.Store(nil)
	}
	r.troubled = nil
}

// lacksOwn tells whether the rule lacks anything when the target of the ticks fails, or
// what it counts means nothing yet.
func (r *recordingRule) lacksOwn(blind bool) bool {
	f := r.engine.own.Load().feeds(r.origin)
	return f.data || blind && f.any
}

// lacked are the targets of which what it recorded last may lack something.
func (r *recordingRule) lacked() []*suspect {
	if l := r.lacks.Load(); l != nil {
		return (*l)[:len(*l):len(*l)]
	}
	return nil
}

// sure tells whether what storage has of it means something to an evaluation of
// another rule: it has lost nothing, and no gap has kept it from its turn. A rule
// that has not had one yet is sure only where there is no past that could be missed.
func (r *recordingRule) sure(in input) bool {
	if r.unsure.Load() {
		return false
	}
	ms := r.recordedAt.Load()
	if ms == 0 {
		return in.ts.Equal(in.coverage.first)
	}
	at := time.UnixMilli(ms)
	if at.After(in.ts) { // by a clock that has gone back since
		return false
	}
	// Groups of one scrape are evaluated side by side: the turn of this one may come.
	turn := r.every + r.offset + r.engine.opts.ScrapeInterval
	return !at.Before(in.coverage.lastEnd(in.at)) || in.at.Sub(at) <= turn
}

// continueFrom takes over what another rule is known for: a reload makes nobody sure.
func (r *recordingRule) continueFrom(from *recordingRule) {
	r.unsure.Store(from.unsure.Load())
	r.recordedAt.Store(from.recordedAt.Load())
	r.lacks.Store(from.lacks.Load())
}

func (r *recordingRule) record(ctx context.Context, in input) ([]point, error) {
	if in.blind && r.lacksOwn(true) {
		return nil, errBlind
	}
	vec, err := r.vector(ctx, r.engine, in.at)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if _, blind := r.engine.doubtful(); blind && r.lacksOwn(true) {
		return nil, errBlind
	}
	if err != nil {
		return nil, err
	}
	lb := labels.NewBuilder(labels.EmptyLabels())
	for i := range vec {
		lb.Reset(vec[i].Metric)
		lb.Set(labels.MetricName, r.rule.Record)
		r.rule.Labels.Range(func(l labels.Label) { lb.Set(l.Name, l.Value) })
		vec[i].Metric = lb.Labels()
	}
	if vec.ContainsSameLabelset() {
		return nil, errDuplicateSeries
	}
	if in.limit > 0 && len(vec) > in.limit {
		return nil, fmt.Errorf("limit of %d series exceeded: the rule gives %d, none was stored", in.limit, len(vec))
	}
	points := make([]point, len(vec))
	for i, s := range vec {
		points[i] = point{series: r.written.find(s.Metric), v: s.F, h: s.H}
	}
	return points, nil
}

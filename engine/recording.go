package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

var errDuplicateSeries = errors.New("two results have the same labels once the rule's name and labels are applied: add a label that tells them apart, or aggregate them away")

// errBlind: an engine that starts shows 0 where it does not know yet.
var errBlind = errors.New("the Docker engine has not restored its containers yet")

// recordingRule stores what its expression gives under a name of its own.
type recordingRule struct {
	ruleBase
	engine *Engine
	// unsure: what it recorded last may lack what a failed scrape or an error kept
	// from it. Alerting rules of other groups ask for it.
	unsure atomic.Bool
}

func (r *recordingRule) eval(ctx context.Context, in input) ([]promql.Sample, error) {
	samples, err := r.record(ctx, in)
	if !errors.Is(ctx.Err(), context.Canceled) {
		stale, blind := r.engine.doubtful()
		r.unsure.Store(err != nil || !in.fresh || stale || blind)
	}
	return samples, err
}

func (r *recordingRule) record(ctx context.Context, in input) ([]promql.Sample, error) {
	if in.blind {
		return nil, errBlind
	}
	vec, err := r.vector(ctx, r.engine, in.at)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if _, blind := r.engine.doubtful(); blind {
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
	return vec, nil
}

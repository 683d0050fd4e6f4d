package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/rules"
)

// Recover makes the alerts as they were at asOf out of the series that they wrote,
// for the rules that Load gave: what is left where the journal is lost. It knows
// the states and since when they are active, but neither annotations, which the
// next evaluation brings, nor keep_firing_for. Call it between Load and Restore,
// before Begin.
func (e *Engine) Recover(ctx context.Context, asOf time.Time) ([]alert.Record, error) {
	e.mu.Lock()
	next := e.next
	e.mu.Unlock()
	if next == nil {
		return nil, nil
	}
	states, err := e.lookBack(ctx, alertsMetric, asOf)
	if err != nil {
		return nil, err
	}
	written, err := e.lookBack(ctx, "timestamp("+alertsMetric+")", asOf)
	if err != nil {
		return nil, err
	}
	// By the labels of their series, which timestamp() gives without the name.
	writtenAt, newest := map[uint64]time.Time{}, time.Time{}
	for _, s := range written {
		at := time.UnixMilli(int64(s.F * 1000))
		writtenAt[s.Metric.Hash()], newest = at, later(newest, at)
	}
	since, err := e.lookBack(ctx, forStateMetric, asOf)
	if err != nil {
		return nil, err
	}
	activeAt := map[uint64]time.Time{}
	for _, s := range since {
		activeAt[s.Metric.DropMetricName().Hash()] = time.Unix(int64(s.F), 0)
	}
	taken := map[alert.Key]bool{}
	var out []alert.Record
	for _, s := range states {
		ls := labels.NewBuilder(s.Metric).Del(labels.MetricName, stateLabel).Labels()
		at, ok := activeAt[ls.Hash()]
		if !ok {
			continue
		}
		age := newest.Sub(writtenAt[s.Metric.DropMetricName().Hash()])
		if rec, ok := e.recovered(next.groups, ls, lastWritten{s.Metric.Get(stateLabel), at, age}, taken); ok {
			out = append(out, rec)
		}
	}
	return out, nil
}

// lookBack reads the newest samples of the series of alerts, those with the
// longest intervals too: what ended has a marker.
func (e *Engine) lookBack(ctx context.Context, metric string, at time.Time) (promql.Vector, error) {
	res, err := e.Execute(ctx, Query{Expr: metric, Start: at, End: at, Lookback: e.opts.HoldLimit})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", metric, err)
	}
	v, _ := res.Value.(promql.Vector)
	return v, nil
}

// recoverable is for how many intervals of its group a series may have had no sample
// more than the newest: it has ended without a marker else.
const recoverable = 4

// lastWritten is what the series of an alert tell of it, and how much older their
// newest sample is than the newest of all.
type lastWritten struct {
	state    string
	activeAt time.Time
	age      time.Duration
}

// recovered finds the rule that an alert must be of: the first of its name whose
// labels it bears, and that does not have it yet.
func (e *Engine) recovered(groups []rules.Group, ls labels.Labels, was lastWritten, taken map[alert.Key]bool) (alert.Record, bool) {
	for _, g := range groups {
		interval := g.Interval
		setDefault(&interval, e.opts.Interval)
		if was.age > recoverable*interval {
			continue
		}
		ids := ruleIDs(g)
		for i, r := range g.Rules {
			if r.Alert == "" || r.Alert != ls.Get(labels.AlertName) || !bearsLabels(ls, r.Labels) {
				continue
			}
			a := alert.Alert{State: alert.Pending, Labels: withoutTemplates(ls, r.Labels), ActiveAt: was.activeAt}
			if was.state == alert.Firing.String() {
				a.State, a.FiredAt = alert.Firing, was.activeAt.Add(r.For)
			}
			key := alert.Key{Rule: ids[i], Fingerprint: a.Fingerprint()}
			if !taken[key] {
				taken[key] = true
				return alert.Record{Rule: ids[i], Alert: a}, true
			}
		}
	}
	return alert.Record{}, false
}

// bearsLabels tells whether ls has the labels of a rule, as far as they are no
// templates.
func bearsLabels(ls, rule labels.Labels) bool {
	ok := true
	rule.Range(func(l labels.Label) {
		ok = ok && (strings.Contains(l.Value, "{{") || ls.Get(l.Name) == l.Value)
	})
	return ok
}

// withoutTemplates drops the labels whose templates gave nothing: in the series
// they stand as they were written.
func withoutTemplates(ls, rule labels.Labels) labels.Labels {
	lb := labels.NewBuilder(ls)
	rule.Range(func(l labels.Label) {
		if strings.Contains(l.Value, "{{") && ls.Get(l.Name) == l.Value {
			lb.Del(l.Name)
		}
	})
	return lb.Labels()
}

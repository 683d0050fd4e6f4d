package engine

import (
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

// The series that alerting rules write. The first two are Prometheus's: 1, with the
// state of the alert, and since when it is active. The third is ours, and there
// while an alert is held: since when.
const (
	alertsMetric   = "ALERTS"
	forStateMetric = "ALERTS_FOR_STATE"
	heldMetric     = "ALERTS_HELD"
	stateLabel     = "alertstate"
)

// points are the samples of what is active.
func (r *alertingRule) points() []point {
	if r.active.len() == 0 {
		return nil
	}
	out := make([]point, 0, 2*r.active.len())
	lb := labels.NewBuilder(labels.EmptyLabels())
	for _, a := range r.active.all() {
		if a.State == alert.Inactive {
			continue
		}
		if a.alerts == nil || a.state != a.State {
			a.state, a.alerts = a.State, r.seriesOf(lb, a, alertsMetric)
		}
		if a.forState == nil {
			a.forState = r.seriesOf(lb, a, forStateMetric)
		}
		out = append(out, point{series: a.alerts, v: 1}, point{series: a.forState, v: float64(a.ActiveAt.Unix())})
		if a.HeldSince.IsZero() {
			continue
		}
		if a.held == nil {
			a.held = r.seriesOf(lb, a, heldMetric)
		}
		out = append(out, point{series: a.held, v: float64(a.HeldSince.Unix())})
	}
	return out
}

// seriesOf makes one of the series of an alert. As in Prometheus, a rule's label
// whose template gave nothing stands there as it was written.
func (r *alertingRule) seriesOf(lb *labels.Builder, a *activeAlert, name string) *series {
	lb.Reset(r.rule.Labels)
	a.Labels.Range(func(l labels.Label) { lb.Set(l.Name, l.Value) })
	lb.Set(labels.MetricName, name)
	if name == alertsMetric {
		lb.Set(stateLabel, a.State.String())
	}
	return r.written.find(lb.Labels())
}

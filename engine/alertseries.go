package engine

import (
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

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

// samples are the series of what is active.
func (r *alertingRule) samples(at time.Time) []promql.Sample {
	var out []promql.Sample
	t := at.UnixMilli()
	for _, fp := range r.order() {
		a := r.active[fp]
		if a.State == alert.Inactive {
			continue
		}
		// As in Prometheus, a rule's label whose template gave nothing stands here
		// as it was written.
		lb := labels.NewBuilder(r.rule.Labels)
		a.Labels.Range(func(l labels.Label) { lb.Set(l.Name, l.Value) })
		lb.Set(labels.MetricName, forStateMetric)
		forState := lb.Labels()
		lb.Set(labels.MetricName, heldMetric)
		held := lb.Labels()
		lb.Set(labels.MetricName, alertsMetric)
		lb.Set(stateLabel, a.State.String())
		out = append(out,
			promql.Sample{Metric: lb.Labels(), T: t, F: 1},
			promql.Sample{Metric: forState, T: t, F: float64(a.ActiveAt.Unix())})
		if !a.HeldSince.IsZero() {
			out = append(out, promql.Sample{Metric: held, T: t, F: float64(a.HeldSince.Unix())})
		}
	}
	return out
}

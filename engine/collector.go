package engine

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin/tocsin/alert"
)

// collector tells the state of rules and alerts as metrics, from a snapshot: a
// rule that works and an alert that is not there cost no series.
type collector struct{ snapshot func() *Snapshot }

var (
	alertsDesc = prometheus.NewDesc("tocsin_alerts", "Alerts by state; held ones count as held and not by the state that they are held in.", []string{"state"}, nil)
	failing    = prometheus.NewDesc("tocsin_rule_failing", "1 for each rule whose last evaluation ended in an error.", []string{"file", "group", "rule"}, nil)
	heldBack   = prometheus.NewDesc("tocsin_alerts_held_back", "Alerts that the limit of their group, or of all rules together, keeps out.", []string{"file", "group", "rule"}, nil)
)

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- alertsDesc
	ch <- failing
	ch <- heldBack
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	counts := map[string]float64{alert.Pending.String(): 0, alert.Firing.String(): 0, "held": 0}
	type id struct{ file, group, rule string }
	bad, back := map[id]bool{}, map[id]float64{}
	for _, g := range c.snapshot().Groups {
		for _, r := range g.Rules {
			key := id{g.File, g.Name, r.Rule.Name()}
			if r.Health == HealthErr {
				bad[key] = true
			}
			if r.HeldBack > 0 {
				back[key] += float64(r.HeldBack)
			}
			for _, a := range r.Alerts {
				switch {
				case !a.HeldSince.IsZero():
					counts["held"]++
				case a.State != alert.Inactive:
					counts[a.State.String()]++
				}
			}
		}
	}
	for state, n := range counts {
		ch <- prometheus.MustNewConstMetric(alertsDesc, prometheus.GaugeValue, n, state)
	}
	for k := range bad {
		ch <- prometheus.MustNewConstMetric(failing, prometheus.GaugeValue, 1, k.file, k.group, k.rule)
	}
	for k, n := range back {
		ch <- prometheus.MustNewConstMetric(heldBack, prometheus.GaugeValue, n, k.file, k.group, k.rule)
	}
}

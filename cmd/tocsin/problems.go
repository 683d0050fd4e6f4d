package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin/tocsin/rules"
)

// rulebookMetrics tell of the last load, under Prometheus's names where it has
// one.
type rulebookMetrics struct {
	problems   *prometheus.GaugeVec
	successful prometheus.Gauge
	last       prometheus.Gauge
}

// maxProblems bounds the series of problems: who has more starts with these.
const maxProblems = 50

func newRulebookMetrics(reg prometheus.Registerer) rulebookMetrics {
	m := rulebookMetrics{
		problems: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tocsin_rule_problem",
			Help: "1 for each problem of the rule files at the last load, 50 at most.",
		}, []string{"file", "line", "problem"}),
		successful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "prometheus_config_last_reload_successful",
			Help: "Whether the last load of configuration file and rule files found no problem.",
		}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "prometheus_config_last_reload_success_timestamp_seconds",
			Help: "When configuration file and rule files were last loaded without a problem.",
		}),
	}
	reg.MustRegister(m.problems, m.successful, m.last)
	return m
}

// show makes a series of each problem.
func show(g *prometheus.GaugeVec, problems []rules.Problem) {
	g.Reset()
	for _, p := range problems[:min(len(problems), maxProblems)] {
		bare := p
		bare.File, bare.Pos = "", rules.Position{}
		g.WithLabelValues(p.File, strconv.Itoa(p.Pos.Line), fmt.Sprintf("%.300s", bare.Error())).Set(1)
	}
}

func (m rulebookMetrics) report(problems []rules.Problem, badConfig bool) {
	show(m.problems, problems)
	m.successful.Set(0)
	if len(problems) == 0 && !badConfig {
		m.successful.Set(1)
		m.last.Set(float64(time.Now().UnixMilli()) / 1000)
	}
}

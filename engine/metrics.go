package engine

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics bear Prometheus's names where it has one, so that dashboards and
// mixins made for it work.
type metrics struct {
	evaluations, failures, iterations, missed *prometheus.CounterVec
	interval, last, duration, rules, samples  *prometheus.GaugeVec
	ruleDuration                              prometheus.Summary
	journalErrors                             prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"rule_group"})
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"rule_group"})
	}
	m := &metrics{
		evaluations: counter("prometheus_rule_evaluations_total", "Evaluations of rules."),
		failures:    counter("prometheus_rule_evaluation_failures_total", "Evaluations of rules that ended in an error."),
		iterations:  counter("prometheus_rule_group_iterations_total", "Evaluations of groups that were due, missed ones too."),
		missed:      counter("prometheus_rule_group_iterations_missed_total", "Evaluations of groups that were due while the one before was still running."),
		interval:    gauge("prometheus_rule_group_interval_seconds", "Interval of the group."),
		last:        gauge("prometheus_rule_group_last_evaluation_timestamp_seconds", "Timestamp of the last evaluation of the group."),
		duration:    gauge("prometheus_rule_group_last_duration_seconds", "How long the last evaluation of the group took."),
		rules:       gauge("prometheus_rule_group_rules", "Rules in the group."),
		samples:     gauge("prometheus_rule_group_last_evaluation_samples", "Samples that the last evaluation of the group gave."),
		ruleDuration: prometheus.NewSummary(prometheus.SummaryOpts{
			Name: "prometheus_rule_evaluation_duration_seconds",
			Help: "How long evaluations of single rules took.",
		}),
		journalErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tocsin_journal_errors_total",
			Help: "Changes of alert state that could not be journalled.",
		}),
	}
	reg.MustRegister(m.evaluations, m.failures, m.iterations, m.missed, m.interval, m.last,
		m.duration, m.rules, m.samples, m.ruleDuration, m.journalErrors)
	return m
}

// forget drops the children of a group that is no more.
func (m *metrics) forget(key string) {
	for _, v := range []*prometheus.CounterVec{m.evaluations, m.failures, m.iterations, m.missed} {
		v.DeleteLabelValues(key)
	}
	for _, v := range []*prometheus.GaugeVec{m.interval, m.last, m.duration, m.rules, m.samples} {
		v.DeleteLabelValues(key)
	}
}

// groupMetrics are those of one group.
type groupMetrics struct {
	evaluations, failures, iterations, missed prometheus.Counter
	last, duration, samples                   prometheus.Gauge
}

// start brings the children of a group into being, at zero.
func (m *metrics) start(g *group) groupMetrics {
	key := g.key()
	m.interval.WithLabelValues(key).Set(g.interval.Seconds())
	m.rules.WithLabelValues(key).Set(float64(len(g.rules)))
	return groupMetrics{
		evaluations: m.evaluations.WithLabelValues(key), failures: m.failures.WithLabelValues(key),
		iterations: m.iterations.WithLabelValues(key), missed: m.missed.WithLabelValues(key),
		last: m.last.WithLabelValues(key), duration: m.duration.WithLabelValues(key), samples: m.samples.WithLabelValues(key),
	}
}

// evaluated tells of one evaluation.
func (m *groupMetrics) evaluated(at time.Time, took time.Duration, samples int) {
	m.last.Set(float64(at.UnixMilli()) / 1000)
	m.duration.Set(took.Seconds())
	m.samples.Set(float64(samples))
}

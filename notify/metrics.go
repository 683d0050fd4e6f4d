package notify

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Why alerts are dropped, as values of the reason label.
const (
	reasonRejected = "rejected" // the Alertmanager refused this alert
	reasonOverflow = "overflow" // the outbox was full
)

// metrics bear the names and labels of Prometheus's own notifier, so that its
// dashboards and alerts work here. Ours are the reason label, and the metrics of
// the prefix tocsin.
type metrics struct {
	sent, errors, dropped     *prometheus.CounterVec
	latency                   *prometheus.SummaryVec
	queueLength, clockOffset  *prometheus.GaugeVec
	restarts                  *prometheus.CounterVec
	queueCapacity, discovered prometheus.Gauge
	found                     *prometheus.GaugeVec
}

// newMetrics registers the metrics with reg unless that is nil.
func newMetrics(reg prometheus.Registerer) *metrics {
	const prefix = "prometheus_notifications_"
	am := []string{perAlertmanager}
	m := &metrics{
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "sent_total",
			Help: "Alerts that the Alertmanager acknowledged.",
		}, am),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "errors_total",
			Help: "Alerts in requests that the Alertmanager did not acknowledge.",
		}, am),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "dropped_total",
			Help: "Alerts that will not be sent: the Alertmanager rejected them, or the outbox overflowed.",
		}, []string{perAlertmanager, "reason"}),
		latency: prometheus.NewSummaryVec(prometheus.SummaryOpts{
			Name:       prefix + "latency_seconds",
			Help:       "How long acknowledged requests took.",
			Objectives: map[float64]float64{0.5: 0.05, 0.9: 0.01, 0.99: 0.001},
		}, am),
		queueLength: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "queue_length",
			Help: "Alerts that wait for delivery.",
		}, am),
		clockOffset: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tocsin_notify_clock_offset_seconds",
			Help: "How far the Alertmanager's clock is ahead of ours, by its last reply.",
		}, am),
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tocsin_notify_alertmanager_restarts_total",
			Help: "Restarts of the Alertmanager, after each of which it was told again what fires.",
		}, am),
		queueCapacity: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: prefix + "queue_capacity",
			Help: "Alerts that one Alertmanager's outbox can hold.",
		}),
		discovered: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: prefix + "alertmanagers_discovered",
			Help: "Alertmanagers that alerts are sent to.",
		}),
	}
	m.found = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "tocsin_notify_alertmanagers_found",
		Help: "Alertmanagers that the setting, or an entry of the configuration file's alerting section, has now.",
	}, []string{"config"})
	if reg != nil {
		reg.MustRegister(m.sent, m.errors, m.dropped, m.latency, m.queueLength, m.queueCapacity, m.discovered, m.clockOffset, m.restarts, m.found)
	}
	return m
}

// forget takes away what there is of an Alertmanager.
func (m *metrics) forget(name string) {
	for _, vec := range []interface {
		DeletePartialMatch(prometheus.Labels) int
	}{m.sent, m.errors, m.dropped, m.latency, m.queueLength, m.clockOffset, m.restarts} {
		vec.DeletePartialMatch(prometheus.Labels{perAlertmanager: name})
	}
}

// senderMetrics are the children of one Alertmanager. All exist from the start,
// so that rates over them are right from the first event on.
type senderMetrics struct {
	sent, errors, rejected, overflow prometheus.Counter
	latency                          prometheus.Observer
	queueLength, clockOffset         prometheus.Gauge
	restarts                         prometheus.Counter
}

func (m *metrics) forAlertmanager(name string) *senderMetrics {
	return &senderMetrics{
		sent:        m.sent.WithLabelValues(name),
		errors:      m.errors.WithLabelValues(name),
		rejected:    m.dropped.WithLabelValues(name, reasonRejected),
		overflow:    m.dropped.WithLabelValues(name, reasonOverflow),
		latency:     m.latency.WithLabelValues(name),
		queueLength: m.queueLength.WithLabelValues(name),
		clockOffset: m.clockOffset.WithLabelValues(name),
		restarts:    m.restarts.WithLabelValues(name),
	}
}

// collector counts what is owed when it is asked, rather than at every change.
type collector struct{ *Notifier }

const perAlertmanager = "alertmanager"

func (collector) descs() (undelivered, oldest, late, lost *prometheus.Desc) {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("tocsin_notify_"+name, help, []string{perAlertmanager}, nil)
	}
	return desc("undelivered_incidents", "Beginnings and ends of alerts that the Alertmanager has yet to be told of."),
		desc("oldest_undelivered_seconds", "How long the oldest of the undelivered incidents has waited; 0 if there is none."),
		desc("late_deliveries_total", "Reports of incidents that were over when the Alertmanager could be told."),
		desc("lost_seconds", "For how long discovery has not shown an Alertmanager that is told all the same for an hour; 0 if it does.")
}

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	undelivered, oldest, late, lost := c.descs()
	ch <- undelivered
	ch <- oldest
	ch <- late
	ch <- lost
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	undelivered, oldest, late, lost := c.descs()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.senders {
		n, since, lates := s.outbox.owed()
		age := 0.0
		if !since.IsZero() {
			age = max(0, time.Since(since).Seconds())
		}
		ch <- prometheus.MustNewConstMetric(undelivered, prometheus.GaugeValue, float64(n), s.name)
		ch <- prometheus.MustNewConstMetric(oldest, prometheus.GaugeValue, age, s.name)
		ch <- prometheus.MustNewConstMetric(late, prometheus.CounterValue, float64(lates), s.name)
		away := 0.0
		if !s.lost.IsZero() {
			away = max(0, time.Since(s.lost).Seconds())
		}
		ch <- prometheus.MustNewConstMetric(lost, prometheus.GaugeValue, away, s.name)
	}
}

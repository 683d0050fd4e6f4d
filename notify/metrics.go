package notify

import "github.com/prometheus/client_golang/prometheus"

// Why alerts are dropped, as values of the reason label.
const (
	reasonRejected = "rejected" // the Alertmanager refused this alert
	reasonOverflow = "overflow" // the outbox was full
)

// metrics bear the names and labels of Prometheus's own notifier, so that its
// dashboards and alerts work here. Only the reason label is ours.
type metrics struct {
	sent, errors, dropped     *prometheus.CounterVec
	latency                   *prometheus.SummaryVec
	queueLength               *prometheus.GaugeVec
	queueCapacity, discovered prometheus.Gauge
}

// newMetrics registers the metrics with reg unless that is nil.
func newMetrics(reg prometheus.Registerer) *metrics {
	const prefix = "prometheus_notifications_"
	am := []string{"alertmanager"}
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
		}, []string{"alertmanager", "reason"}),
		latency: prometheus.NewSummaryVec(prometheus.SummaryOpts{
			Name:       prefix + "latency_seconds",
			Help:       "How long acknowledged requests took.",
			Objectives: map[float64]float64{0.5: 0.05, 0.9: 0.01, 0.99: 0.001},
		}, am),
		queueLength: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "queue_length",
			Help: "Alerts that wait for delivery.",
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
	if reg != nil {
		reg.MustRegister(m.sent, m.errors, m.dropped, m.latency, m.queueLength, m.queueCapacity, m.discovered)
	}
	return m
}

// senderMetrics are the children of one Alertmanager. All exist from the start,
// so that rates over them are right from the first event on.
type senderMetrics struct {
	sent, errors, rejected, overflow prometheus.Counter
	latency                          prometheus.Observer
	queueLength                      prometheus.Gauge
}

func (m *metrics) forAlertmanager(name string) *senderMetrics {
	return &senderMetrics{
		sent:        m.sent.WithLabelValues(name),
		errors:      m.errors.WithLabelValues(name),
		rejected:    m.dropped.WithLabelValues(name, reasonRejected),
		overflow:    m.dropped.WithLabelValues(name, reasonOverflow),
		latency:     m.latency.WithLabelValues(name),
		queueLength: m.queueLength.WithLabelValues(name),
	}
}

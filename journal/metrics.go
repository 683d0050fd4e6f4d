package journal

import "github.com/prometheus/client_golang/prometheus"

// Why incidents are dropped from an outbox, as values of the reason label.
const (
	reasonOverflow = "overflow" // it was full
	reasonReceiver = "receiver" // there is no such receiver any more
)

type metrics struct {
	saves, setAside, unreadable prometheus.Counter
	failing                     prometheus.Gauge
	dropped                     *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		saves:      counter("tocsin_journal_saves_total", "Changes of alert state that were made durable."),
		setAside:   counter("tocsin_journal_set_aside_total", "Journals that could not be read and were set aside."),
		unreadable: counter("tocsin_journal_unreadable_records_total", "Records of the journal that could not be read and were left out."),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tocsin_journal_outbox_dropped_total", Help: "Incidents that were dropped from a durable outbox.",
		}, []string{"reason"}),
	}
	for _, reason := range []string{reasonOverflow, reasonReceiver} {
		m.dropped.WithLabelValues(reason)
	}
	m.failing = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tocsin_journal_failing",
		Help: "Whether alert state cannot be made durable now.",
	})
	reg.MustRegister(m.saves, m.setAside, m.unreadable, m.failing, m.dropped)
	return m
}

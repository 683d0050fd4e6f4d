package journal

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	saves, setAside, unreadable prometheus.Counter
	failing                     prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		saves:      counter("tocsin_journal_saves_total", "Changes of alert state that were made durable."),
		setAside:   counter("tocsin_journal_set_aside_total", "Journals that could not be read and were set aside."),
		unreadable: counter("tocsin_journal_unreadable_records_total", "Records of the journal that could not be read and were left out."),
	}
	m.failing = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tocsin_journal_failing",
		Help: "Whether alert state cannot be made durable now.",
	})
	reg.MustRegister(m.saves, m.setAside, m.unreadable, m.failing)
	return m
}

package remotewrite

import "github.com/prometheus/client_golang/prometheus"

// metrics are those of all remotes, collected from their status: remotes come and go
// without anything to register.
type metrics struct {
	writer                                         *Writer
	samples, requests, failing, behind, unreadable *prometheus.Desc
}

func newMetrics(w *Writer) *metrics {
	desc := func(name, help string, ls ...string) *prometheus.Desc {
		return prometheus.NewDesc("tocsin_remote_write_"+name, help, append([]string{"remote_name", "url"}, ls...), nil)
	}
	return &metrics{
		writer:     w,
		samples:    desc("samples_total", "Samples that were sent, rejected by the remote for good, or expired by sample_age_limit.", "result"),
		requests:   desc("failed_requests_total", "Requests that failed and are tried again."),
		failing:    desc("failing", "1 if the last request failed, or was refused in part, else 0."),
		behind:     desc("behind_seconds", "Age of the oldest sample that is not acknowledged."),
		unreadable: desc("unreadable_spans_total", "Spans of time that are not sent, as storage could not give them back."),
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.samples, m.requests, m.failing, m.behind, m.unreadable} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, s := range m.writer.Status() {
		counter := func(d *prometheus.Desc, v uint64, ls ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), append([]string{s.Name, s.URL}, ls...)...)
		}
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, s.Name, s.URL)
		}
		counter(m.samples, s.Sent, "sent")
		counter(m.samples, s.Rejected, "rejected")
		counter(m.samples, s.Expired, "expired")
		counter(m.requests, s.Failed)
		counter(m.unreadable, s.Unreadable)
		gauge(m.failing, number(s.LastError != ""))
		gauge(m.behind, s.Behind.Seconds())
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// otherRoute stands for all paths that are not served: the label must not grow by
// what somebody asks for.
const otherRoute = "other"

// Reasons for which requests are refused before they are looked at.
const (
	reasonHost   = "host"
	reasonOrigin = "origin"
)

// metrics bear Prometheus's names where it has one.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	refused  *prometheus.CounterVec
	panics   prometheus.Counter
}

// newMetrics registers with reg, which may be nil.
func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "prometheus_http_requests_total",
			Help: "HTTP requests by path and status.",
		}, []string{"handler", "code"}),
		// Its children come with the first request: most of them never do.
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "prometheus_http_request_duration_seconds",
			Help:    "How long HTTP requests took, by path.",
			Buckets: []float64{.1, .4, 1, 8, 60},
		}, []string{"handler"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tocsin_web_refused_total",
			Help: "HTTP requests that were refused because they came from a web page of another origin, or by a host name that is not ours.",
		}, []string{"reason"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tocsin_web_panics_total",
			Help: "HTTP requests that met a fault of Tocsin and were answered with status 500.",
		}),
	}
	m.start(otherRoute)
	m.refused.WithLabelValues(reasonHost)
	m.refused.WithLabelValues(reasonOrigin)
	if reg != nil {
		reg.MustRegister(m.requests, m.duration, m.refused, m.panics)
	}
	return m
}

// start starts the counter of a path at zero.
func (m *metrics) start(path string) {
	m.requests.WithLabelValues(handlerName(path), strconv.Itoa(http.StatusOK))
}

// count counts a request that matched the mux pattern, or none if that is empty.
func (m *metrics) count(pattern string, status int, took time.Duration) {
	name := otherRoute
	if _, path, ok := strings.Cut(pattern, " "); ok {
		name = handlerName(path)
	}
	m.requests.WithLabelValues(name, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(name).Observe(took.Seconds())
}

// handlerName is a path as Prometheus's metrics name it.
func handlerName(path string) string {
	return strings.NewReplacer("{$}", "", "{", ":", "}", "").Replace(path)
}

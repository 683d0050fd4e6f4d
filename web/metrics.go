package web

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// otherRoute stands for all paths that are not served: the label must not grow by
// what somebody asks for.
const otherRoute = "other"

type metrics struct {
	requests *prometheus.CounterVec
	panics   prometheus.Counter
}

// newMetrics registers with reg, which may be nil.
func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tocsin_web_requests_total",
			Help: "HTTP requests to the API and the page, by route and class of status.",
		}, []string{"route", "code"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tocsin_web_panics_total",
			Help: "HTTP requests that met a fault of Tocsin and were answered with status 500.",
		}),
	}
	m.route(otherRoute)
	if reg != nil {
		reg.MustRegister(m.requests, m.panics)
	}
	return m
}

// route starts the counters of a mux pattern at zero.
func (m *metrics) route(pattern string) {
	for class := 2; class <= 5; class++ {
		m.requests.WithLabelValues(routeName(pattern), className(class))
	}
}

// count counts a request that matched the mux pattern, or none if that is empty.
func (m *metrics) count(pattern string, status int) {
	m.requests.WithLabelValues(routeName(pattern), className(status/100)).Inc()
}

func className(class int) string { return fmt.Sprintf("%dxx", class) }

func routeName(pattern string) string {
	if pattern == "" || pattern == otherRoute {
		return otherRoute
	}
	_, path, _ := strings.Cut(pattern, " ")
	return strings.TrimSuffix(path, "{$}")
}

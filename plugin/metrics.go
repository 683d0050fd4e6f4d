package plugin

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Results of a call, the values of the label "result".
const (
	resultOK      = "ok"
	resultFailed  = "failed"  // the callback failed, panicked or hung
	resultRefused = "refused" // wrong path, method or body; no callback ran
)

// otherCall stands for all paths that are not of the protocol: the label must not
// grow by what somebody sends.
const otherCall = "other"

type metrics struct {
	calls *prometheus.CounterVec
}

// newMetrics registers with reg, which may be nil.
func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{calls: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tocsin_plugin_calls_total",
		Help: "Calls of the Docker engine on the plugin's socket, by call and result.",
	}, []string{"call", "result"})}
	for _, path := range []string{pathActivate, pathStart, pathStop} {
		for _, result := range []string{resultOK, resultFailed, resultRefused} {
			m.calls.WithLabelValues(callName(path), result)
		}
	}
	m.calls.WithLabelValues(otherCall, resultRefused)
	if reg != nil {
		reg.MustRegister(m.calls)
	}
	return m
}

func (m *metrics) count(path, result string) {
	m.calls.WithLabelValues(callName(path), result).Inc()
}

func callName(path string) string {
	switch path {
	case pathActivate, pathStart, pathStop:
		return strings.TrimPrefix(path, "/")
	}
	return otherCall
}

package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// fleet is the series of many hosts, as exporters of hosts, containers and services
// have them, for measurements.
type fleet struct {
	rnd    *rand.Rand
	hosts  int
	series []*meter64
}

// meter64 writes one series: a value around base, or a counter that grows by it.
type meter64 struct {
	labels  labels.Labels
	ref     storage.SeriesRef
	v, base float64
	counter bool
}

// newFleet has about n series.
func newFleet(n int) *fleet {
	f := &fleet{rnd: rand.New(rand.NewPCG(1, 2))}
	for len(f.series) < n {
		f.host(fmt.Sprintf("host-%04d:9100", f.hosts))
		f.hosts++
	}
	f.series = f.series[:n]
	return f
}

func (f *fleet) host(instance string) {
	add := func(counter bool, base float64, name string, ls ...string) {
		lb := labels.NewBuilder(labels.FromStrings(ls...))
		lb.Set(labels.MetricName, name).Set("job", "node").Set("instance", instance)
		f.series = append(f.series, &meter64{labels: lb.Labels(), base: base * (0.5 + f.rnd.Float64()), counter: counter})
	}
	add(false, 1, "up")
	for cpu := range 4 {
		for _, mode := range []string{"user", "system", "idle", "iowait"} {
			add(true, 5, "node_cpu_seconds_total", "cpu", fmt.Sprint(cpu), "mode", mode)
		}
	}
	for _, name := range []string{"node_memory_MemTotal_bytes", "node_memory_MemAvailable_bytes", "node_load1", "node_load15", "node_boot_time_seconds"} {
		add(false, 100, name)
	}
	for _, mount := range []string{"/", "/var", "/boot"} {
		add(false, 1000, "node_filesystem_size_bytes", "mountpoint", mount)
		add(false, 500, "node_filesystem_avail_bytes", "mountpoint", mount)
	}
	for _, dev := range []string{"eth0", "eth1"} {
		for _, dir := range []string{"receive", "transmit"} {
			add(true, 1000, "node_network_"+dir+"_bytes_total", "device", dev)
			add(true, 0.01, "node_network_"+dir+"_errs_total", "device", dev)
		}
	}
	for c := range 3 {
		name := fmt.Sprint("app-", c)
		add(true, 3, "container_cpu_usage_seconds_total", "name", name)
		add(false, 200, "container_memory_usage_bytes", "name", name)
		add(false, 400, "container_spec_memory_limit_bytes", "name", name)
	}
	for _, le := range []string{"0.1", "0.5", "1", "5", "+Inf"} {
		add(true, 50, "http_request_duration_seconds_bucket", "le", le)
	}
	for _, code := range []string{"200", "404", "500"} {
		add(true, 20, "http_requests_total", "code", code)
	}
}

// scrape writes one sample of each series, a thousand to a transaction.
func (f *fleet) scrape(tb testing.TB, to storage.AppendableV2, at time.Time) {
	tb.Helper()
	for from := 0; from < len(f.series); from += 1000 {
		app := to.AppenderV2(tb.Context())
		for _, s := range f.series[from:min(from+1000, len(f.series))] {
			if s.counter {
				s.v += s.base * (0.8 + 0.4*f.rnd.Float64())
			} else {
				s.v = s.base * (0.98 + 0.04*f.rnd.Float64())
			}
			ref, err := app.Append(s.ref, s.labels, 0, at.UnixMilli(), s.v, nil, nil, storage.AOptions{})
			if err != nil {
				tb.Fatal(err)
			}
			s.ref = ref
		}
		if err := app.Commit(); err != nil {
			tb.Fatal(err)
		}
	}
}

// forget forgets references, for another storage.
func (f *fleet) forget() {
	for _, s := range f.series {
		s.ref = 0
	}
}

// rules are n rules of the shapes that collections of alerts have: a quarter is
// about all hosts, the others about one; about one in twelve returns something.
func (f *fleet) rules(n int) string {
	rnd := rand.New(rand.NewPCG(3, 4))
	shapes := []string{ // those that most collections have more than once stand here twice
		`up{%s} == 0`,
		`up{%s} == 0`,
		`rate(node_network_receive_errs_total{%s}[2m]) > 10 + %d`,
		`node_load1{%s} > 500 + %d`,
		`container_memory_usage_bytes{%s} / (container_spec_memory_limit_bytes > 0) * 100 > 400 + %d`,
		`node_memory_MemAvailable_bytes{%s} / node_memory_MemTotal_bytes * 100 < %d`,
		`node_filesystem_avail_bytes{%s} / node_filesystem_size_bytes * 100 < %d`,
		`sum by (instance) (rate(http_requests_total{code="500",%s}[5m])) / sum by (instance) (rate(http_requests_total{%[1]s}[5m])) > 1 + %[2]d`,
		`sum by (instance, name) (rate(container_cpu_usage_seconds_total{%s}[5m])) * 100 > 80 + %d`,
		`increase(node_network_transmit_errs_total{%s}[10m]) > 100 + %d and on (instance) up == 1`,
		`100 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle",%s}[5m])) * 100 > 90 + %d`,
		`node_memory_MemAvailable_bytes{%s} / node_memory_MemTotal_bytes * 100 < %d`,
		`node_filesystem_avail_bytes{%s} / node_filesystem_size_bytes * 100 < %d`,
		`predict_linear(node_filesystem_avail_bytes{%s}[30m], 4 * 3600) < 0 - %d`,
		`rate(node_network_receive_errs_total{%s}[2m]) > 10 + %d`,
		`sum by (instance, device) (rate(node_network_transmit_bytes_total{%s}[5m])) > 1000 + %d`,
		`node_load1{%s} > 500 + %d`,
		`sum by (instance, name) (rate(container_cpu_usage_seconds_total{%s}[5m])) * 100 > 80 + %d`,
		`container_memory_usage_bytes{%s} / (container_spec_memory_limit_bytes > 0) * 100 > 400 + %d`,
		`histogram_quantile(0.99, sum by (instance, le) (rate(http_request_duration_seconds_bucket{%s}[5m]))) > 10 + %d`,
		`sum by (instance) (rate(http_requests_total{code="500",%s}[5m])) / sum by (instance) (rate(http_requests_total{%[1]s}[5m])) > 1 + %[2]d`,
		`time() - node_boot_time_seconds{%s} < %d`,
		`max_over_time(node_load15{%s}[10m]) > 500 + %d`,
		`increase(node_network_transmit_errs_total{%s}[10m]) > 100 + %d and on (instance) up == 1`,
		`absent(up{%s})`,
		`changes(node_boot_time_seconds{%s}[15m]) > 100 + %d`,
		`avg_over_time(node_load1{%s}[15m]) > 500 + %d`,
	}
	var b strings.Builder
	b.WriteString("groups:\n- name: bench\n  rules:\n")
	for i := range n {
		scope := `job="node"`
		if i%4 != 0 {
			scope = fmt.Sprintf(`instance="host-%04d:9100"`, rnd.IntN(f.hosts))
		}
		shape := shapes[rnd.IntN(len(shapes))]
		expr := fmt.Sprintf(shape, scope)
		if strings.Contains(shape, "d") && strings.Count(shape, "%") > 1 {
			expr = fmt.Sprintf(shape, scope, rnd.IntN(5))
		}
		if rnd.IntN(14) == 0 && i%4 != 0 {
			expr = fmt.Sprintf(`node_load1{%s} > %d`, scope, rnd.IntN(10)) // it fires
		}
		if k := strings.Index(expr, "%!(EXTRA"); k >= 0 {
			expr = expr[:k]
		}
		fmt.Fprintf(&b, "  - {alert: R%d, expr: '%s', for: 1m, labels: {severity: page}, annotations: {summary: \"{{ $labels.instance }} has {{ $value }}\"}}\n", i, expr)
	}
	return b.String()
}

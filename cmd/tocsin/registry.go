package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/procfs"
)

// newRegistry is for the metrics of the stages.
func newRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(newWritten(), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tocsin_build_info", Help: "1, with the version and the Go version of this binary.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	}, func() float64 { return 1 }))
	return reg
}

// newProcessRegistry is for the metrics of the process and of Go's runtime. To gather
// them takes several files of /proc, a fifth of the CPU of a scrape and its evaluation:
// they are for whoever asks. What is stored of them is in vitals.
func newProcessRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// vitals are what is stored of the process with each scrape, under the names that
// the process collector gives it.
type vitals struct {
	started float64 // seconds since the epoch; 0 if that is not known
}

func newVitals() vitals {
	if self, err := procfs.Self(); err == nil {
		if stat, err := self.Stat(); err == nil {
			if started, err := stat.StartTime(); err == nil {
				return vitals{started}
			}
		}
	}
	return vitals{}
}

// Gather implements prometheus.Gatherer.
func (v vitals) Gather() ([]*dto.MetricFamily, error) {
	resident, err := residentMemory()
	if err != nil {
		return nil, err
	}
	cpu := cpuTime().Seconds()
	return []*dto.MetricFamily{
		family("process_cpu_seconds_total", dto.MetricType_COUNTER, &dto.Metric{Counter: &dto.Counter{Value: &cpu}}),
		family("process_resident_memory_bytes", dto.MetricType_GAUGE, &dto.Metric{Gauge: &dto.Gauge{Value: &resident}}),
		family("process_start_time_seconds", dto.MetricType_GAUGE, &dto.Metric{Gauge: &dto.Gauge{Value: &v.started}}),
	}, nil
}

func family(name string, kind dto.MetricType, m *dto.Metric) *dto.MetricFamily {
	return &dto.MetricFamily{Name: &name, Type: &kind, Metric: []*dto.Metric{m}}
}

// residentMemory is in bytes.
func residentMemory() (float64, error) {
	const statm = "/proc/self/statm"
	text, err := os.ReadFile(statm)
	if err != nil {
		return 0, fmt.Errorf("read own memory: %w", err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0, fmt.Errorf("read own memory: %s: %w", statm, err)
	}
	return float64(resident * os.Getpagesize()), nil
}

package main

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// counters asks the process that evaluates for its own metrics, each summed up over
// its labels.
func (l *lane) counters() (map[string]float64, error) {
	resp, err := http.Get("http://" + l.setup.listen[len(l.setup.listen)-1] + "/metrics")
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", l.name, err)
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read metrics of %s: %w", l.name, err)
	}
	out := map[string]float64{}
	for name, f := range families {
		for _, m := range f.Metric {
			out[name] += m.GetCounter().GetValue() + m.GetUntyped().GetValue() // the type may not be told
		}
	}
	return out, nil
}

// iterations are evaluations of groups since the start, as the contestant counts
// them.
type iterations struct{ due, missed float64 }

// since is the part of the evaluations due since then that were missed.
func (i iterations) since(before iterations) float64 {
	if i.due == before.due {
		return 0
	}
	return (i.missed - before.missed) / (i.due - before.due)
}

// iterations reads them from its counters: Prometheus and Tocsin count what was
// missed as due, vmalert does not.
func (l *lane) iterations() (out iterations, err error) {
	all, err := l.counters()
	if err != nil {
		return iterations{}, err
	}
	for name, v := range all {
		switch {
		case strings.HasSuffix(name, "group_iterations_total"):
			out.due += v
		case strings.HasSuffix(name, "group_iterations_missed_total"):
			out.missed += v
		case name == "vmalert_iteration_total":
			out.due += v
		case name == "vmalert_iteration_missed_total":
			out.due, out.missed = out.due+v, out.missed+v
		}
	}
	return out, nil
}

package main

import (
	"fmt"
	"net/http"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

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

// iterations asks the process that evaluates.
func (l *lane) iterations() (iterations, error) {
	resp, err := http.Get("http://" + l.setup.listen[len(l.setup.listen)-1] + "/metrics")
	if err != nil {
		return iterations{}, fmt.Errorf("ask %s: %w", l.name, err)
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		return iterations{}, fmt.Errorf("read metrics of %s: %w", l.name, err)
	}
	var out iterations
	for name, f := range families {
		switch {
		case strings.HasSuffix(name, "group_iterations_missed_total"), name == "vmalert_iteration_missed_total":
			out.missed += sum(f)
		case strings.HasSuffix(name, "group_iterations_total"):
			out.due += sum(f) // missed ones too
		case name == "vmalert_iteration_total":
			out.due += sum(f)
		}
	}
	return out, nil
}

// sum is that of all counters of a family, which may not say that they are.
func sum(f *dto.MetricFamily) float64 {
	total := 0.0
	for _, m := range f.Metric {
		total += m.GetCounter().GetValue() + m.GetUntyped().GetValue()
	}
	return total
}

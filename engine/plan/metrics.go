package plan

import "github.com/prometheus/client_golang/prometheus"

// metrics of the plan.
type metrics struct {
	evaluations               *prometheus.CounterVec
	byPlan, byEngine          prometheus.Counter // of evaluations
	checks, mismatches, fills prometheus.Counter
	series, samples, planned  prometheus.GaugeFunc
}

func newMetrics(reg prometheus.Registerer, p *Plan) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string, read func() int) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.window == nil {
				return 0
			}
			return float64(read())
		})
	}
	m := &metrics{
		evaluations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tocsin_plan_evaluations_total",
			Help: "Evaluations of expressions of rules, by what answered: the plan, or the query engine where the plan could not.",
		}, []string{"by"}),
		checks:     counter("tocsin_plan_checks_total", "Results of the plan that were compared with those of the query engine."),
		mismatches: counter("tocsin_plan_mismatches_total", "Results of the plan that differed from those of the query engine. Each switched its rule to the engine."),
		fills:      counter("tocsin_plan_fills_total", "How often the window of recent samples was read from storage."),
		series:     gauge("tocsin_plan_series", "Series in the window of recent samples.", func() int { return p.window.count }),
		samples:    gauge("tocsin_plan_samples", "What the window takes, in samples of 16 bytes; a series counts as 24 of them.", func() int { return p.window.size }),
		planned:    gauge("tocsin_plan_rules", "Rules that the plan evaluates.", p.planned),
	}
	m.byPlan, m.byEngine = m.evaluations.WithLabelValues("plan"), m.evaluations.WithLabelValues("engine")
	reg.MustRegister(m.evaluations, m.checks, m.mismatches, m.fills, m.series, m.samples, m.planned)
	return m
}

// planned counts the rules that the plan answers.
func (p *Plan) planned() int {
	n := 0
	for _, r := range p.rules {
		if !r.never {
			n++
		}
	}
	return n
}

package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/rules"
)

// enginePrefixes begin the names that are the Docker engine's to give.
var enginePrefixes = []string{"engine_daemon_", "builder_", "logger_", "swarm_"}

// containerLabels are labels that people look for: other exporters have them.
var containerLabels = []string{"container", "container_id", "container_name", "id", "image", "name"}

// metrics reports selectors of the Docker engine's metrics that match nothing,
// or something else than one thinks.
func (p *pass) metrics() {
	p.inspect(func(n parser.Node) {
		sel, ok := n.(*parser.VectorSelector)
		if !ok {
			return
		}
		name := metricName(sel)
		if name == "" || p.recorded[name] || !ofEngine(sel, name) {
			return
		}
		known, ok := lookup(name)
		if !ok {
			p.unknownMetric(sel, name)
			return
		}
		p.unknownLabels(sel, name, known)
		if p.rule.Alert != "" {
			p.misread(sel, name)
		}
	})
}

// metricName is the name that a selector asks for, or nothing if it is a pattern.
func metricName(sel *parser.VectorSelector) string {
	for _, m := range sel.LabelMatchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			return m.Value
		}
	}
	return sel.Name
}

// ofEngine tells whether a selector means the Docker engine: of the names that
// others may have too, those that ask for another job do not.
func ofEngine(sel *parser.VectorSelector, name string) bool {
	if strings.HasPrefix(name, "engine_daemon_") {
		return true
	}
	if !slices.ContainsFunc(enginePrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
		return false
	}
	for _, m := range sel.LabelMatchers {
		if m.Name == "job" && !m.Matches("docker") {
			return false
		}
	}
	return true
}

func (p *pass) unknownMetric(sel *parser.VectorSelector, name string) {
	if catalog[name].histogram {
		p.reportAt(UnknownMetric, sel, fmt.Sprintf("%s is a histogram, and no series has this very name", name),
			fmt.Sprintf("read %[1]s_count, %[1]s_sum or %[1]s_bucket", name))
		return
	}
	hint := "the engine's own /metrics lists what there is"
	if guess := nearestSeries(name); guess != "" {
		hint = fmt.Sprintf("did you mean %s?", guess)
	}
	p.reportAt(UnknownMetric, sel, fmt.Sprintf("the Docker engine has no metric %s", name), hint)
}

// nearestSeries is the name that was meant, if one is near.
func nearestSeries(name string) string {
	for _, prefix := range enginePrefixes {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		// The prefix is right and long, and would make strangers look near.
		var candidates []string
		for _, s := range series {
			if s, ok := strings.CutPrefix(s, prefix); ok {
				candidates = append(candidates, s)
			}
		}
		if guess := rules.Nearest(rest, candidates); guess != "" {
			return prefix + guess
		}
		return ""
	}
	return ""
}

func (p *pass) unknownLabels(sel *parser.VectorSelector, name string, known metric) {
	for _, m := range sel.LabelMatchers {
		if slices.Contains(containerLabels, m.Name) && m.Value != "" {
			p.reportAt(UnknownLabel, sel,
				fmt.Sprintf("the Docker engine's metrics have no label %q: they count containers and name none", m.Name),
				"leave the matcher out")
			return
		}
		if values, bad := known.unknownValue(m); bad {
			what := fmt.Sprintf("%s %q", m.Name, m.Value)
			if m.Type == labels.MatchRegexp {
				what = fmt.Sprintf("%s that matches %q", m.Name, m.Value)
			}
			p.reportAt(UnknownLabel, sel, name+" has no "+what, hintValue(name, m, values))
			return
		}
	}
}

// hintValue tells which value was meant, or which ones there are.
func hintValue(name string, m *labels.Matcher, values []string) string {
	there := "there are " + strings.Join(values, ", ")
	if guess := rules.Nearest(m.Value, values); guess != "" && m.Type != labels.MatchRegexp {
		return fmt.Sprintf("did you mean %q? T%s", guess, there[1:])
	}
	if name == "engine_daemon_container_states_containers" {
		return there + "; containers that were created, exited, died or restart count as stopped"
	}
	return there
}

// misread reports metrics that do not count what their names say.
func (p *pass) misread(sel *parser.VectorSelector, name string) {
	switch {
	case name == "engine_daemon_health_checks_failed_total":
		p.reportAt(HealthChecks, sel,
			"this counts health checks that could not be run at all; a check that ran and failed does not count, and no unhealthy container raises it",
			`the engine has no metric of unhealthy containers; if checks that cannot be run are meant, add "# lint:ignore `+HealthChecks+`"`)
	case strings.HasPrefix(name, "builder_"):
		p.reportAt(BuilderMetrics, sel,
			"this counts builds of the classic builder only; BuildKit, which builds by default since Docker 23.0, does not raise it",
			`the engine has no metric of BuildKit's builds; if the classic builder is meant, add "# lint:ignore `+BuilderMetrics+`"`)
	}
}

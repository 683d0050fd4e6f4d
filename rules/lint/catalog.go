package lint

import (
	_ "embed"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

// engineMetrics is what recorded engines expose, one metric a line: name, type,
// of a histogram the end of its highest finite bucket, and labels with their
// values. It is made from the payloads by the tests of this package.
//
//go:embed engine.txt
var engineMetrics string

// unseen is what the recorded engines had no occasion to expose.
const unseen = `
engine_daemon_host_info_functions_seconds histogram 10 function=operating_system,os_version,system_info,system_version
engine_daemon_image_actions_seconds histogram 10 action=delete,history,pull,push
engine_daemon_network_actions_seconds histogram 10 action=allocate,connect,release,update
swarm_node_info gauge
`

// closedLabels are those whose values the engine's source enumerates. Others,
// such as a version, differ from host to host.
var closedLabels = []string{"action", "function", "reason", "state"}

// metric is one metric of the Docker engine.
type metric struct {
	histogram bool
	top       float64             // of a histogram: no quantile is above it
	values    map[string][]string // of closed labels
}

// catalog holds the engine's metrics by name.
var catalog = readCatalog(engineMetrics + unseen)

// series are the names of all series of the catalog: a histogram has three.
var series = seriesNames()

func readCatalog(text string) map[string]metric {
	out := map[string]metric{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.HasPrefix(line, "#") {
			continue
		}
		m := out[fields[0]]
		m.histogram = fields[1] == "histogram"
		for _, f := range fields[2:] {
			name, values, isLabel := strings.Cut(f, "=")
			if !isLabel {
				m.top, _ = strconv.ParseFloat(f, 64) // ours, and tested
				continue
			}
			if m.values == nil {
				m.values = map[string][]string{}
			}
			for v := range strings.SplitSeq(values, ",") {
				if !slices.Contains(m.values[name], v) {
					m.values[name] = append(m.values[name], v)
				}
			}
		}
		out[fields[0]] = m
	}
	return out
}

func seriesNames() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(catalog)) {
		if !catalog[name].histogram {
			names = append(names, name)
			continue
		}
		names = append(names, name+"_count", name+"_sum", name+"_bucket")
	}
	return names
}

// lookup finds the metric that a series belongs to.
func lookup(name string) (metric, bool) {
	if m, ok := catalog[name]; ok && !m.histogram {
		return m, true
	}
	for _, suffix := range []string{"_count", "_sum", "_bucket"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && catalog[base].histogram {
			return catalog[base], true
		}
	}
	return metric{}, false
}

// unknownValue tells whether a matcher can never be met, because the engine gives
// the label none of the values that it asks for; those are returned.
func (m metric) unknownValue(matcher *labels.Matcher) ([]string, bool) {
	values := m.values[matcher.Name]
	if len(values) == 0 || matcher.Type == labels.MatchNotRegexp || matcher.Value == "" {
		return nil, false
	}
	// What "!=" excludes is looked for like what "=" asks for.
	matches := matcher.Matches
	if matcher.Type == labels.MatchNotEqual {
		matches = func(v string) bool { return v == matcher.Value }
	}
	if slices.ContainsFunc(values, matches) || matcher.Type == labels.MatchRegexp && matcher.Matches("") {
		return nil, false
	}
	return values, true
}

package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// hears tells the engine of a target in the order in which it must be told: of a
// failure before its markers are stored, of success after the samples are.
func (b *workbench) hears(s Source, samples ...string) {
	b.t.Helper()
	if !s.Up {
		b.Hear(s)
	}
	if len(samples) > 0 {
		b.put(s.At, samples...)
	}
	if s.Up {
		b.Hear(s)
	}
}

// targetID is a target of those that random expressions are about.
type targetID struct{ i, g string }

func (id targetID) labels() labels.Labels { return labels.FromStrings("i", id.i, "g", id.g) }

func (id targetID) source(at time.Time, up bool) Source {
	return Source{Target: id.i + id.g, Job: id.g, Labels: id.labels(), Names: bringsAny, At: at, Interval: step15, Up: up}
}

// bringsAny are the names that random expressions are about.
func bringsAny(name string) bool {
	return name != "late" && name != "nh" && !strings.HasPrefix(name, "ALERTS")
}

// randomTargets are what each target brings.
func randomTargets(rnd *rand.Rand) map[targetID][]string {
	out := map[targetID][]string{}
	for _, i := range []string{"0", "1", "2"} {
		for _, g := range []string{"x", "y"} {
			ls := fmt.Sprintf("i=%q,g=%q", i, g)
			samples := []string{fmt.Sprintf("up{%s} 1", ls)}
			for _, name := range []string{"a_total", "b_total", "gauge", "steps", "weird", "sparse", "churn"} {
				samples = append(samples, fmt.Sprintf("%s{%s} %d", name, ls, rnd.IntN(5)))
			}
			samples = append(samples, fmt.Sprintf(`info_metric{%s,ver="v%d"} 1`, ls, 1))
			for _, le := range []string{"1", "5", "+Inf"} {
				samples = append(samples, fmt.Sprintf("lat_bucket{%s,le=%q} %d", ls, le, rnd.IntN(9)))
			}
			out[targetID{i, g}] = samples
		}
	}
	return out
}

// textsOf are the results that are meant, as text.
func textsOf(vec promql.Vector, meant func(labels.Labels) bool) (out []string) {
	for _, s := range vec {
		if meant(s.Metric) {
			out = append(out, s.Metric.String()+" "+fmt.Sprintf("%.9g", s.F))
		}
	}
	return out
}

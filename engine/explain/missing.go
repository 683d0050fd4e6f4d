package explain

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/rules"
)

const (
	// maxValues bounds how many values of a label are listed.
	maxValues = 10
	// namesWithin is how far back a metric's name is looked for.
	namesWithin = 24 * time.Hour
)

// missing says why a selector matches nothing: there is no such metric, or which of
// its matchers leaves out all that there is.
func (e *evaluator) missing(n *parser.VectorSelector, window time.Duration, at time.Time) string {
	base := slices.IndexFunc(n.LabelMatchers, func(m *labels.Matcher) bool { return m.Name == labels.MetricName })
	if base < 0 {
		base = slices.IndexFunc(n.LabelMatchers, func(m *labels.Matcher) bool { return !m.Matches("") })
	}
	if base < 0 {
		return ""
	}
	subject := n.LabelMatchers[base].String()
	if m := n.LabelMatchers[base]; m.Name == labels.MetricName && m.Type == labels.MatchEqual {
		subject = m.Value
	}
	a := e.ask(broad(n, base, window), at)
	vec, ok := a.vector()
	switch {
	case !ok:
		return ""
	case len(vec) == 0:
		return e.absent(n.LabelMatchers[base], subject, max(window, lookback), end(n, at))
	}
	others := slices.Delete(slices.Clone(n.LabelMatchers), base, base+1)
	return fmt.Sprintf("%s exists with %s, %s", subject, countSeries(len(vec)), excluded(vec, others))
}

func countSeries(n int) string {
	if n == 1 {
		return "1 series"
	}
	return fmt.Sprintf("%d series", n)
}

// excluded says which matcher excludes all series, or which one those that the
// matchers before have left.
func excluded(vec promql.Vector, matchers []*labels.Matcher) string {
	for _, m := range matchers {
		if len(matching(vec, m)) == 0 {
			return "none " + has(m) + " " + present(vec, m.Name)
		}
	}
	left, before := vec, []string{}
	for _, m := range matchers {
		next := matching(left, m)
		if len(next) == 0 {
			return fmt.Sprintf("%d of them with %s, but none of these %s %s", len(left), strings.Join(before, ", "), has(m), present(left, m.Name))
		}
		left, before = next, append(before, m.String())
	}
	return "which the whole of its matchers leaves out" // the data has changed meanwhile
}

func has(m *labels.Matcher) string {
	if m.Type == labels.MatchEqual {
		return "has " + m.String()
	}
	return "matches " + m.String()
}

func matching(vec promql.Vector, m *labels.Matcher) (out promql.Vector) {
	for _, s := range vec {
		if m.Matches(s.Metric.Get(m.Name)) {
			out = append(out, s)
		}
	}
	return out
}

// present lists the values that a label has.
func present(vec promql.Vector, label string) string {
	values, names := map[string]bool{}, map[string]bool{}
	for _, s := range vec {
		if v := s.Metric.Get(label); v != "" {
			values[cut(v)] = true
		}
		s.Metric.Range(func(l labels.Label) { names[l.Name] = true })
	}
	if len(values) > 0 {
		sorted := slices.Sorted(maps.Keys(values))
		text := "values: "
		if len(sorted) == 1 {
			text = "value: "
		}
		text += strings.Join(sorted[:min(len(sorted), maxValues)], ", ")
		if more := len(sorted) - maxValues; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		return "(" + text + ")"
	}
	delete(names, labels.MetricName)
	sorted := slices.Sorted(maps.Keys(names))
	switch guess := rules.Nearest(label, sorted); {
	case guess != "":
		return fmt.Sprintf("(no series has the label %s, did you mean %s?)", label, guess)
	case len(sorted) == 0:
		return fmt.Sprintf("(no series has the label %s, nor any other)", label)
	}
	return fmt.Sprintf("(no series has the label %s; labels: %s)", label, strings.Join(sorted[:min(len(sorted), maxValues)], ", "))
}

// absent says since when a metric has not been there, or what it may be a slip of.
func (e *evaluator) absent(m *labels.Matcher, subject string, within time.Duration, at time.Time) string {
	none := fmt.Sprintf("no series of %s has a sample in the last %s", subject, api.SpanText(within))
	if m.Name != labels.MetricName || m.Type != labels.MatchEqual {
		return fmt.Sprintf("no series with %s has a sample in the last %s", m, api.SpanText(within))
	}
	names, err := e.metricNames(at)
	switch {
	case err != nil:
		return none
	case slices.Contains(names, m.Value):
		return none + e.lastSeen(m, at)
	}
	if guess := rules.Nearest(m.Value, names); guess != "" {
		return fmt.Sprintf("there is no metric %s, did you mean %s?", m.Value, guess)
	}
	return fmt.Sprintf("there is no metric %s, and was none in the last %s", m.Value, api.SpanText(namesWithin))
}

// lastSeen says about when a metric that is gone had its last sample.
func (e *evaluator) lastSeen(m *labels.Matcher, at time.Time) string {
	selector := (&parser.VectorSelector{Name: m.Value, LabelMatchers: []*labels.Matcher{m}}).String()
	vec, ok := e.ask("max(max_over_time(timestamp("+selector+")[1h:1m]))", at).vector()
	if !ok || len(vec) == 0 {
		return ", it was there before"
	}
	return fmt.Sprintf(", the last was %s before", api.SpanText(at.Sub(time.UnixMilli(int64(vec[0].F*1000)))))
}

// metricNames are the names of metrics that storage knows.
func (e *evaluator) metricNames(at time.Time) ([]string, error) {
	q, err := e.opts.Queryable.Querier(at.Add(-namesWithin).UnixMilli(), at.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer q.Close()
	return namesOf(e.ctx, q)
}

// namesOf copies the names: those of the index live as long as it is open.
func namesOf(ctx context.Context, q storage.LabelQuerier) ([]string, error) {
	values, _, err := q.LabelValues(ctx, labels.MetricName, &storage.LabelHints{})
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = strings.Clone(v)
	}
	return names, err
}

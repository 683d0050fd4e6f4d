package replay

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/rules"
	"github.com/tocsin/tocsin/storage"
)

// BenchmarkDay replays 100 rules over a day of 500 series at 15 s, from a data
// directory with blocks.
func BenchmarkDay(b *testing.B) {
	h := benchHistory(b, 50, 10)
	f := rules.Parse("rules.yml", []byte(benchRules(100)))
	if len(f.Problems) > 0 {
		b.Fatal(f.Problems)
	}
	for b.Loop() {
		r, err := Run(context.Background(), Options{
			Groups: f.Groups, History: h, From: t0, To: t0.Add(24 * time.Hour),
			Interval: step15, ScrapeInterval: step15, HoldLimit: time.Hour, Job: "docker",
		})
		if err != nil {
			b.Fatal(err)
		}
		if r.Evaluations < 570_000 || len(r.Failures) > 0 || len(r.Alerts) == 0 {
			b.Fatalf("%d evaluations, %d alerts, failures %v", r.Evaluations, len(r.Alerts), r.Failures)
		}
		b.ReportMetric(float64(len(r.Alerts)), "alerts")
	}
}

// benchHistory is a day of metrics counters and gauges, each of some series.
func benchHistory(b *testing.B, metrics, each int) *storage.History {
	b.Helper()
	dir := b.TempDir()
	s := storage.New(storage.Options{Dir: dir})
	if err := s.Open(); err != nil {
		b.Fatal(err)
	}
	var all []labels.Labels
	for m := range metrics {
		for i := range each {
			all = append(all, labels.FromStrings("__name__", fmt.Sprintf("m%02d", m), "job", "docker", "instance", "h", "i", fmt.Sprint(i)))
		}
	}
	up := labels.FromStrings("__name__", "up", "job", "docker", "instance", "h")
	values := make([]float64, len(all))
	refs := make([]promstorage.SeriesRef, len(all))
	rnd := rand.New(rand.NewPCG(1, 1))
	for at := t0.Add(-time.Hour); !at.After(t0.Add(24 * time.Hour)); at = at.Add(step15) {
		app := s.AppenderV2(b.Context())
		t := at.UnixMilli()
		for i, ls := range all {
			if i%2 == 0 {
				values[i] += float64(rnd.IntN(100)) // a counter
			} else {
				values[i] = max(0, values[i]+float64(rnd.IntN(21)-10))
			}
			ref, err := app.Append(refs[i], ls, 0, t, values[i], nil, nil, promstorage.AOptions{})
			if err != nil {
				b.Fatal(err)
			}
			refs[i] = ref
		}
		if _, err := app.Append(0, up, 0, t, 1, nil, nil, promstorage.AOptions{}); err != nil {
			b.Fatal(err)
		}
		if err := app.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	h, err := storage.OpenHistory(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { h.Close() })
	return h
}

// benchRules are rules such as people write them, in groups of ten.
func benchRules(n int) string {
	var b strings.Builder
	b.WriteString("groups:\n")
	for i := range n {
		if i%10 == 0 {
			fmt.Fprintf(&b, "- name: g%d\n  rules:\n", i)
		}
		m := fmt.Sprintf("m%02d", i%50)
		if i%4 == 0 {
			fmt.Fprintf(&b, "  - {record: 'job:%s:rate5m%d', expr: 'sum by (job) (rate(%s[5m]))'}\n", m, i, m)
			continue
		}
		expr := []string{
			m + ` > 100`, `rate(` + m + `{i="0"}[5m]) > 4`, `sum(` + m + `) / count(` + m + `) > 50`,
			`max_over_time(` + m + `[10m]) > 200 and ` + m + ` > 150`, `increase(` + m + `{job="docker"}[15m]) > 3000`,
			fmt.Sprintf(`job:m%02d:rate5m%d > 25`, i/10*10%50, i/10*10), `absent(` + m + `{i="99"})`,
		}[i%7]
		fmt.Fprintf(&b, "  - alert: A%d\n    expr: '%s'\n    for: %s\n    labels: {severity: warning}\n", i, expr, []string{"0s", "1m", "5m"}[i%3])
		b.WriteString("    annotations: {summary: '{{ $labels.instance }} has {{ $value | humanize }}'}\n")
	}
	return b.String()
}

package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// rulesPerGroup is about what a group of a public collection holds.
const rulesPerGroup = 25

// longestFor is the longest `for`, in intervals: whatever is to fire does so by then.
const longestFor = 40

// usualWindow is how many scrapes the windows of most rules have.
const usualWindow = 20

// shape is an alert as public collections have them: a pattern in which SEL is
// the matcher of one service, W5 to W60 are windows of as many minutes at an
// interval of 15 s, and T a threshold: rarely the low one, which is exceeded.
type shape struct {
	expr      string
	low, high float64
}

// scoped are the alerts on one service: three quarters of all.
func scoped() []shape {
	return []shape{
		{`sum by (service) (rate(bench_requests_total{SEL,code="500"}[W5])) / sum by (service) (rate(bench_requests_total{SEL}[W5])) > T`, .001, .2},
		{`histogram_quantile(0.99, sum by (le, service) (rate(bench_request_duration_seconds_bucket{SEL}[W5]))) > T`, .05, 30},
		{`bench_memory_bytes{SEL} / bench_memory_limit_bytes{SEL} > T`, .05, .95},
		{`predict_linear(bench_disk_free_bytes{SEL}[W60], 14400) < -T`, 1e13, 1e15},
		{`absent(bench_info{SEL})`, 0, 0},
		{`rate(bench_cpu_seconds_total{SEL,mode="user"}[W5]) > T`, .01, 4},
		{`increase(bench_requests_total{SEL,code="404"}[W10]) > T`, 1, 1e9},
		{`changes(bench_start_time_seconds{SEL}[W15]) > 2`, 0, 0},
		{`bench_open_fds{SEL} / bench_max_fds{SEL} > T`, .005, .9},
		{`avg_over_time(bench_queue_length{SEL}[W10]) > T`, 1, 1000},
		{`bench_queue_length{SEL} > T and on (service) rate(bench_request_duration_seconds_count{SEL}[W5]) < 1`, .5, 500},
		{`time() - bench_start_time_seconds{SEL} < T`, 60, 3600},
		{`deriv(bench_memory_bytes{SEL}[W30]) > T`, 1e9, 1e12},
		{`rate(bench_request_duration_seconds_sum{SEL}[W5]) / rate(bench_request_duration_seconds_count{SEL}[W5]) > T`, .01, 10},
	}
}

// global are the alerts over all services. Where each service has an alert of its own,
// a few in a hundred exceed the low threshold: more would be a storm.
func global() []shape {
	return []shape{
		{`sum(rate(bench_requests_total{code="500"}[W5])) / sum(rate(bench_requests_total[W5])) > T`, .001, .3},
		{`quantile(0.9, bench_memory_bytes / bench_memory_limit_bytes) > T`, .1, .99},
		{`topk(3, sum by (service) (rate(bench_cpu_seconds_total[W5]))) > T`, .01, 50},
		{`count(bench_queue_length > T) > 5`, 1, 500},
		{`histogram_quantile(0.95, sum by (le) (rate(bench_request_duration_seconds_bucket[W5]))) > T`, .01, 30},
		{`bench_memory_bytes * on (service) group_left (version) bench_info > T`, 1.2e9, 1e13},
		{`max by (service) (max_over_time(bench_queue_length[W10])) > T`, 80, 1000},
		{`absent(up{job="nothing-like-this"})`, 0, 0},
	}
}

// ruleFile is the rules of a workload as a file: the stimuli's and, of the rest,
// one recording rule in twenty, a quarter of the alerts global, about one in
// twelve firing.
func (w workload) ruleFile() string {
	r := rand.New(rand.NewPCG(w.seed, 2))
	var b strings.Builder
	b.WriteString("groups:\n")
	stimuli := w.stimuli()
	for i := range w.rules {
		if i%rulesPerGroup == 0 {
			fmt.Fprintf(&b, "- name: bench-%04d\n  rules:\n", i/rulesPerGroup)
		}
		// Spread over the groups: each has a phase of its own.
		if n := i / rulesPerGroup; i%rulesPerGroup == 0 && n < len(stimuli) {
			b.WriteString(stimuli[n])
			continue
		}
		b.WriteString(w.rule(r, i))
	}
	return b.String()
}

// stimuli are the rules of what the bench changes, at most one a group.
func (w workload) stimuli() []string {
	out := []string{fmt.Sprintf("  - alert: %s\n    expr: vector(1)\n", alwaysAlert)}
	for i := range w.flips {
		out = append(out, fmt.Sprintf("  - alert: %s\n    expr: '%s{flip=\"%d\"} > 0'\n", flipAlert, flipMetric, i))
	}
	if w.storm > 0 {
		out = append(out, fmt.Sprintf("  - alert: %s\n    expr: '%s > 0'\n    annotations: {summary: 'number {{ $labels.id }} is at {{ $value }}'}\n", stormAlert, stormMetric))
	}
	return out
}

func (w workload) rule(r *rand.Rand, i int) string {
	if i%20 == 19 {
		return fmt.Sprintf("  - record: service:bench_requests:rate_%d\n    expr: '%s'\n", i,
			w.expand(`sum by (service) (rate(bench_requests_total{SEL}[W5]))`, w.anyService(r), 0))
	}
	shapes := scoped()
	if i%4 == 0 {
		shapes = global()
	}
	s := shapes[r.IntN(len(shapes))]
	threshold := s.high * (1 + r.Float64())
	if r.IntN(12) == 0 {
		threshold = s.low * (1 + r.Float64()/2)
	}
	hold := []int{0, 4, 20, longestFor}[r.IntN(4)] // intervals
	return fmt.Sprintf(`  - alert: Bench%04d
    expr: '%s'
    for: %s
    labels: {severity: %s}
    annotations:
      summary: '{{ $labels.service }} is at {{ $value | humanize }}'
`, i, w.expand(s.expr, w.anyService(r), threshold), promDuration(time.Duration(hold)*w.interval), []string{"warning", "critical"}[r.IntN(2)])
}

func (w workload) anyService(r *rand.Rand) string {
	return fmt.Sprintf("svc-%04d", r.IntN(w.services()))
}

// expand fills in a pattern. A window is a number of scrapes, so that a workload
// with a short interval asks for as many samples as one with a long interval.
func (w workload) expand(expr, service string, threshold float64) string {
	pairs := []string{"SEL", fmt.Sprintf("service=%q", service)}
	for _, minutes := range []int{60, 30, 15, 10, 5} {
		window := time.Duration(minutes) * time.Minute / (15 * time.Second) * w.interval
		pairs = append(pairs, fmt.Sprintf("[W%d]", minutes), fmt.Sprintf("[%s]", promDuration(window)))
	}
	pairs = append(pairs, "> T", fmt.Sprintf("> %.6g", threshold), "< -T", fmt.Sprintf("< -%.6g", threshold), "< T", fmt.Sprintf("< %.6g", threshold))
	return strings.NewReplacer(pairs...).Replace(expr)
}

// promDuration writes a duration as rule files want it.
func promDuration(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }

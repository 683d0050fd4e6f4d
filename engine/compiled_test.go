package engine

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// TestCompiledTemplates give what the library's expander gives, errors too.
func TestCompiledTemplates(t *testing.T) {
	b := newBench(t, func(o *Options) { o.ExternalLabels = labels.FromStrings("host", "h") })
	for text, compiles := range map[string]bool{
		"{{ $value | humanize }}": true, "{{ humanize1024 $value }}": true, "{{ $value | humanizePercentage }}": true,
		"{{ $value | humanizeDuration }}": true, "{{ humanizeTimestamp $value }}": true, `{{ printf "%.2f" $value }}`: true,
		`{{ if gt $value 5.0 }}{{ $labels.a | toUpper }}{{ else }}{{ $externalLabels.host }}{{ end }}`: true,
		`{{ humanize "12345" }}{{ humanize $labels.a }}`:                                               true, "{{ with $labels.nope }}x{{ end }}{{ .Labels.nope }}": true,
		`{{ define "d" }}{{ . }}{{ end }}{{ $labels.a }}`: true, `{{ match "x.*" $labels.a }}{{ urlQueryEscape $labels.a }}`: true,
		"{{ $labels }} {{ .ExternalURL }}": true, `{{ slice $labels.a 50 }}`: true, `{{ match "(" "x" }}`: true,
		`{{ range query "x" }}{{ .Value }}{{ end }}`: false, "{{ $labels.a | title }}": false, "{{ now }}": false, "{{ nope }}": false, "{{ $value": false,
	} {
		fast, slow := &ruleTemplate{bounded: bounded(text)}, &ruleTemplate{bounded: bounded(text), tried: true}
		if got := fast.ready() != nil; got != compiles {
			t.Errorf("%q is compiled: %v, want %v", text, got, compiles)
		}
		r := rand.New(rand.NewPCG(1, 2))
		for i := range 400 {
			v := math.Float64frombits(r.Uint64())
			if i%2 == 0 {
				v = math.Round(math.Pow(10, r.Float64()*60-30)*100) / 100
			}
			s := promql.Sample{Metric: labels.FromStrings("a", "x&y"), F: v}
			got, want := b.expander(t.Context(), "r", s, time.Time{}).expand(fast), b.expander(t.Context(), "r", s, time.Time{}).expand(slow)
			if got != want {
				t.Fatalf("%q gives %q for %v, want %q", text, got, v, want)
			}
			if i > 20 && !compiles {
				break
			}
		}
	}
}

package engine

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
)

func TestPhrases(t *testing.T) {
	b := newBench(t, nil)
	samples := []promql.Sample{
		{Metric: labels.FromStrings("a", "x", "b", "<&>"), F: 1.5},
		{Metric: labels.EmptyLabels(), F: math.NaN()},
		{Metric: labels.FromStrings("a", "{{ $value }}"), F: 123456789012345678901234567890},
		{Metric: labels.FromStrings("a", "x"), F: math.Inf(-1)},
		{Metric: labels.FromStrings("a", "x"), H: tsdbutil.GenerateTestFloatHistogram(2)},
		{Metric: labels.FromStrings("a", "x"), F: 0.1 + 0.2},
		{Metric: labels.FromStrings("a", "x"), F: math.Copysign(0, -1)},
	}
	phrases := 0
	for template, isPhrase := range map[string]bool{
		"{{ $value }} of {{ $labels.a }}": true, "{{$labels.b}}": true, "{{ $labels.nope }}": true, " {{- $value -}} x ": true,
		"{{/* nothing */}}{{ $value }}": true, "{{ $value | humanize }}": true, "{{ humanizePercentage $value }} of it": true, "{{ $value | humanizeDuration }}": true,
		"{{ humanizeTimestamp $value }}": true, "{{ $value | humanize1024 }}B": true, `{{ $value | printf "%.2f%%" }}`: true, `{{ printf "%s" $value }}`: true,
		`{{ printf "%v %v" $labels.a $value }}`: false, "{{ $value | humanize | toUpper }}": false, "{{ $labels.a | humanize }}": false,
		"{{ $value | toUpper }}": false, "{{ $value | $value }}": false, "{{ $labels.a $value }}": false, `{{ $value | print "x" }}`: false, "{{ $labels }}": false, "{{ .Value }}": false,
		"{{ $externalURL }}": false, "{{ if $value }}x{{ end }}": false, "{{ $x := $value }}{{ $x }}": false, "{{ printf \"%v\" $value }}": true,
		"{{ $value": false, "{{ $nope }}": false, "{{ $labels.a.b }}": false, "{{ with $value }}{{ . }}{{ end }}": false, "no template": false,
	} {
		fast := newTemplate(template)
		if got := len(fast.phrase) > 0; got != isPhrase {
			t.Errorf("%q is a phrase: %v, want %v", template, got, isPhrase)
		}
		for _, s := range samples {
			slow := &ruleTemplate{bounded: fast.bounded, tried: true} // by the library
			got, want := b.expander(t.Context(), "r", s, time.Time{}).expand(fast), b.expander(t.Context(), "r", s, time.Time{}).expand(slow)
			if got != want {
				t.Errorf("%q gives %q, want %q", template, got, want)
			}
			if isPhrase {
				phrases++
			}
		}
	}
	if phrases < 30 {
		t.Errorf("only %d phrases were compared", phrases)
	}
}

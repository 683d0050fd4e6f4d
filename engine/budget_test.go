package engine

import (
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

func expandText(t *testing.T, b *workbench, text string) string {
	t.Helper()
	s := promql.Sample{Metric: labels.FromStrings("a", "x"), F: 3}
	return b.expander(t.Context(), "A", s, t0).expand(newTemplate(text))
}

// TestBoundedTemplatesSayTheSame: a charge changes nothing of what is written.
func TestBoundedTemplatesSayTheSame(t *testing.T) {
	b := newBench(t, nil)
	b.put(t0, `m{a="x"} 1`, `m{a="y"} 2`)
	for text, want := range map[string]string{
		"plain":                           "plain",
		"{{ $value }} of {{ $labels.a }}": "3 of x",
		`{{ range query "m" }}{{ .Labels.a }}={{ .Value }};{{ else }}none{{ end }}`:                             "x=1;y=2;",
		`{{ range query "none" }}{{ .Value }}{{ else }}none of {{ $labels.a }}{{ end }}`:                        "none of x",
		`{{ define "d" }}<{{ . }}>{{ end }}{{ template "d" $value }}`:                                           "<3>",
		`{{- range $i, $s := query "m" -}} {{ $i }}{{ if eq $s.Labels.a "x" }}!{{ end }} {{- end -}}`:           "0!1",
		`{{ with query "m" }}{{ range . }}{{ range $k, $v := .Labels }}{{ $k }}{{ end }}{{ end }}{{ end }}`:     "__name__a__name__a",
		"{{ range 3 }}{{ . }}{{ if eq . 1 }}{{ break }}{{ end }}{{ end }} \"range\" {{ \"{{\" }} {{ `ra\"w` }}": "01 \"range\" {{ ra\"w",
		`{{ block "b" $value }}[{{ . }}]{{ end }}`:                                                              "[3]",
	} {
		if got := expandText(t, b, text); got != want {
			t.Errorf("%s gives %q, want %q", text, got, want)
		}
	}
}

// TestTemplateBombs end with an error that says so, soon and with little memory.
func TestTemplateBombs(t *testing.T) {
	b := newBench(t, nil)
	for _, text := range []string{
		`{{ range 1000000000000 }}x{{ end }}`,
		`{{ range 1000000000000 }}{{ end }}`,
		`{{ range 100000 }}{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}{{ end }}`,
		`{{ define "a" }}{{ template "b" }}{{ template "b" }}{{ end }}{{ define "b" }}{{ template "a" }}{{ end }}{{ template "a" }}`,
		`{{ define "a" }}{{ range 9 }}{{ template "a" }}{{ end }}{{ end }}{{ template "a" }}`,
		`{{ range 1000000 }}` + strings.Repeat("long ", 1000) + `{{ end }}`,
	} {
		got := expandText(t, b, text)
		if !strings.Contains(got, errBudget.Error()) || len(got) > 1000 {
			t.Errorf("%.60s gives %d bytes: %.200q, want the error", text, len(got), got)
		}
	}
}

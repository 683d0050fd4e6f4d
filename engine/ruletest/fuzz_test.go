package ruletest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/tocsin/tocsin/rules"
)

// These are the format as promtool decodes it.
type (
	fileShape struct {
		RuleFiles          []string       `yaml:"rule_files"`
		EvaluationInterval model.Duration `yaml:"evaluation_interval"`
		GroupEvalOrder     []string       `yaml:"group_eval_order"`
		Tests              []testShape    `yaml:"tests"`
		FuzzyCompare       bool           `yaml:"fuzzy_compare"`
	}
	testShape struct {
		Interval    model.Duration `yaml:"interval"`
		InputSeries []struct {
			Series string `yaml:"series"`
			Values string `yaml:"values"`
		} `yaml:"input_series"`
		AlertRuleTest []struct {
			EvalTime  model.Duration `yaml:"eval_time"`
			Alertname string         `yaml:"alertname"`
			ExpAlerts []struct {
				Labels      map[string]string `yaml:"exp_labels"`
				Annotations map[string]string `yaml:"exp_annotations"`
			} `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
		PromqlExprTest []struct {
			Expr       string         `yaml:"expr"`
			EvalTime   model.Duration `yaml:"eval_time"`
			ExpSamples []struct {
				Labels    string  `yaml:"labels"`
				Value     float64 `yaml:"value"`
				Histogram string  `yaml:"histogram"`
			} `yaml:"exp_samples"`
		} `yaml:"promql_expr_test"`
		ExternalLabels map[string]string `yaml:"external_labels"`
		ExternalURL    string            `yaml:"external_url"`
		Name           string            `yaml:"name"`
		StartTimestamp string            `yaml:"start_timestamp"`
	}
)

// decodes is the strict decoder's word on content.
func decodes(content []byte) (shape fileShape, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false // the decoder does not survive everything
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(content))
	dec.KnownFields(true)
	err := dec.Decode(&shape)
	return shape, err == nil || errors.Is(err, io.EOF)
}

// FuzzParse checks that no input makes the reader panic, that files have the form
// that promtool's have, and that positions lie within the file.
func FuzzParse(f *testing.F) {
	for _, path := range testdata(f, "*.yml") {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	for _, v := range verdicts {
		f.Add([]byte(v.in))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 8<<10 {
			t.Skip("larger inputs are slower, not richer")
		}
		file := Parse("f.yml", content)
		lines := 1 + strings.Count(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(string(content)), "\n")
		problems := append([]rules.Problem{}, file.Problems...)
		for _, test := range file.Tests {
			problems = append(problems, test.Problems...)
		}
		for _, p := range append(problems, file.Warnings...) {
			if p.Pos.Line < 0 || p.Pos.Line > lines || p.Pos.Column < 0 {
				t.Errorf("position outside of the %d lines: %v", lines, p)
			}
			if strings.Contains(p.Msg, "internal error") {
				t.Errorf("panicked: %v", p)
			}
		}
		shape, ok := decodes(content)
		if ok && !plausible(shape) {
			return // what remains is beyond the form
		}
		if ok != (len(file.Problems) == 0) {
			t.Errorf("decodes: %v\nwe say: %v", ok, file.Problems)
		}
	})
}

// plausible tells whether what the decoder knows nothing of can be right too.
func plausible(shape fileShape) bool {
	seen := map[string]bool{}
	for _, g := range shape.GroupEvalOrder {
		if seen[g] {
			return false
		}
		seen[g] = true
	}
	for _, test := range shape.Tests {
		if _, err := time.Parse(time.RFC3339Nano, test.StartTimestamp); test.StartTimestamp != "" && err != nil {
			return false
		}
	}
	return len(shape.Tests) <= maxTests
}

// FuzzWeigh checks that no text stands for more samples than it is weighed for:
// the parser would make them all before anybody could stop it.
func FuzzWeigh(f *testing.F) {
	r := &reader{parser: parser.NewParser(parser.Options{})}
	for _, text := range []string{"1", "1x5", "1+2x5 _x3", "stalex3", "{{count:1 sum:2}}x2 1", "{{}}+{{}}x3", "1x2x3", "x5", "0x1f", "_x9 {{", "1\t2x3\n4"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		weight := weigh(text)
		if weight > 100_000 {
			t.Skip("nobody parses that")
		}
		_, vs, _ := r.parser.ParseSeriesDesc(noSeries + text)
		if len(vs) > weight {
			t.Errorf("%q is %d samples, and weighs %d", text, len(vs), weight)
		}
	})
}

package ruletest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
)

func TestWeigh(t *testing.T) {
	for in, want := range map[string]int{
		"":                           0,
		"  ":                         0,
		"1":                          1,
		" 1 2\t3\n4 ":                4,
		"1x5":                        6,
		"1+2x5 _x3 stale":            11,
		"0x10":                       11,
		"1x5x7":                      8,
		"1x18446744073709551616":     maxInput + 1,
		"1x999999999999999999999999": maxInput + 1,
		"{{count:1 sum:2}}":          12,
		"{{count:1 sum:2}}x2 1":      3*12 + 1,
		"{{a x9}} 1":                 10*10 + 1,
		"{{":                         8,
		"{{ 1 2 3":                   10,
		"}} 1":                       2,
	} {
		if got := weigh(in); got != want {
			t.Errorf("weigh(%q) = %d, want %d", in, got, want)
		}
	}
}

// TestBombs: files that stand for more than a machine has end at once, with an
// error that names the limit.
func TestBombs(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"samples", gives("1x99999999999", "m", "0", "[]"), "t.yml:3:38: test \"unnamed#0\": input_series.values: with this the file holds more than the limit of 1000000 samples"},
		{"samples together", one("input_series: [{series: m, values: 1x600000}, {series: n, values: 1x600000}]"), "limit of 1000000 samples"},
		{"histograms", gives("'{{buckets:["+strings.Repeat("1 ", 1000)+"]}}+{{}}x10000'", "m", "0", "[]"), "limit of 1000000 samples"},
		{"expected histograms", one("promql_expr_test: [{expr: m, exp_samples: [histogram: '{{}}x99999999999']}]"), "limit of 1000000 samples"},
		{"tests", "tests: [" + strings.Repeat("{},", maxTests+1) + "]", "t.yml:1:30009: tests: more than 10000 tests"},
		{"steps", "evaluation_interval: 1ms\n" + gives("1", "m", "100y", "[]"), "an eval_time of 100y at an evaluation_interval of 1ms is more than the limit of 50000000 evaluations"},
		{"file", "#" + strings.Repeat(" ", 5<<20), "is larger than 4 MiB"},
		{"aliases", "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n", "the aliases up to here"},
		{"brackets", gives("1", strings.Repeat("(", 5000), "0", "[]"), "has brackets 5000 deep"},
		{"long expression", gives("1", "m"+strings.Repeat(" ", 100_000), "0", "[]"), "is 100001 characters long"},
		{"query", gives("1", "count_over_time(vector(1)[100d:1s])", "0", "[]"), "at 8640000 moments"},
		{"before all time", one("start_timestamp: 0002-01-01T00:00:00Z"), "PromQL evaluates nothing before 1677"},
		{"after all time", one("start_timestamp: 2200-01-01T00:00:00Z\npromql_expr_test: [{expr: m, eval_time: 100y}]"), "or after 2262"},
		{"start beyond years", one("start_timestamp: 1e300"), `"1e300" is not a time`},
		{"gap between buckets", one("input_series: [{series: m, values: '{{buckets:[1] offset:-1000000000}}'}, {series: n, values: '{{buckets:[1] offset:1000000000}}'}]\npromql_expr_test: [{expr: m + on() n}]"), "got:\n      {} {count:0, sum:0, ("},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := runText(t, tt.in, Options{})
			if got := show(res); res.OK() || !strings.Contains(got, tt.want) {
				t.Errorf("want %q, got\n%.2000s", tt.want, got)
			}
		})
	}
}

// nowhere is an appendable that keeps nothing.
type nowhere struct {
	promstorage.AppendableV2
	promstorage.AppenderV2
}

func (nowhere) Append(promstorage.SeriesRef, labels.Labels, int64, int64, float64, *histogram.Histogram, *histogram.FloatHistogram, promstorage.AOptions) (promstorage.SeriesRef, error) {
	return 0, nil
}

func TestMeter(t *testing.T) {
	m := newMeter(nil)
	app := &meteredAppender{AppenderV2: nowhere{}, meter: m}
	put := func(ls labels.Labels) error {
		_, err := app.Append(0, ls, 0, 0, 0, nil, nil, promstorage.AOptions{})
		return err
	}
	for i := range maxSeries {
		if err := put(labels.FromStrings("a", fmt.Sprint(i))); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := put(labels.FromStrings("a", "0")); err != nil {
		t.Error("a series of before is refused:", err)
	}
	if err := put(labels.FromStrings("b", "0")); err == nil || !strings.Contains(err.Error(), "limit of 200000 series") {
		t.Errorf("one series too many: %v", err)
	}
	m.stored = maxStored
	if err := put(labels.FromStrings("a", "0")); err == nil || !strings.Contains(err.Error(), "limit of 10000000 samples") {
		t.Errorf("one sample too many: %v", err)
	}
}

package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/tocsin/tocsin/engine/internal/randomrules"
	"github.com/tocsin/tocsin/rules"
)

// originOf is what an expression goes by, beside the recording rules of a file.
func originOf(t *testing.T, expr, recorded string) origin {
	t.Helper()
	f := rules.Parse("rules.yml", []byte("groups: [{name: g, rules: ["+recorded+"]}]"))
	if len(f.Problems) > 0 {
		t.Fatal(f.Problems)
	}
	p, err := parser.NewParser(parser.Options{EnableBinopFillModifiers: true}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	e := New(Options{})
	g := e.newGroup(f.Groups[0])
	a := &alertingRule{ruleBase: ruleBase{rule: &rules.Rule{Alert: "A", Expr: p}}, engine: e}
	g.rules = append(g.rules, a)
	trace([]*group{g})
	return *a.origin
}

// TestTells: which labels of an alert tell that it is about another target.
func TestTells(t *testing.T) {
	const recorded = `{record: byInstance, expr: "sum by (instance) (x)", labels: {job: all}}, {record: total, expr: sum(x)}`
	for expr, want := range map[string]string{
		`x > 1`:                               "job instance",
		`rate(x[5m]) > 1`:                     "job instance",
		`sum by (instance) (rate(x[5m])) > 1`: "instance",
		`sum without (instance) (x)`:          "job",
		`sum(x)`:                              "",
		`topk(1, x)`:                          "", // which one it is depends on all
		`topk by (job) (1, x)`:                "job",
		`x > scalar(sum(x))`:                  "",
		`x / on (instance) group_left x`:      "instance",
		`x / ignoring (job) x`:                "instance",
		`x{instance="a"} / on (job) y`:        "job",
		`y and on (job) x`:                    "job",
		`y and x`:                             "job instance",
		`y or on (job) x`:                     "job instance",
		`x or on (job) y`:                     "job",
		`y unless on () x`:                    "",
		`label_replace(x, "instance", "$1", "z", "(.*)")`:        "job",
		`label_replace(x, "z", "$1", "instance", "(.*)")`:        "job instance",
		`absent(x{instance="a"})`:                                "",
		`count_values("instance", x)`:                            "",
		`count_values by (job, instance) ("instance", x)`:        "job",
		`y * on (job) group_left (instance) x`:                   "job",
		`histogram_quantile(0.9, sum by (le, job) (x)) > 1`:      "job",
		`max_over_time(sum by (job) (x)[5m:1m])`:                 "job",
		`byInstance > 1`:                                         "instance",
		`sum by (job) (byInstance)`:                              "",
		`total > 1`:                                              "",
		`(x > 1) and on (instance) (byInstance > 2)`:             "instance",
		`vector(1) unless on (job) x`:                            "job",
		`sort_desc(-clamp_max(x, 3))`:                            "job instance",
		`x > on (instance) fill(0) y`:                            "instance",
		`quantile_over_time(scalar(x{instance="a"}), y[5m]) > 1`: "",
	} {
		got := ""
		o := originOf(t, expr, recorded)
		for _, l := range o.fedBy(labels.FromStrings("job", "j", "instance", "a"), func(name string) bool { return name == "x" }).tells {
			if got += " " + l.Name; l.Name == "instance" {
				got = " instance" + got[:len(got)-len(" instance")]
			}
		}
		if want := " " + want; reversed(want) != got && want != got && (want != " " || got != "") {
			t.Errorf("%s: an alert is told by%q, want%q", expr, got, want)
		}
	}
}

func reversed(two string) string {
	var a, b string
	_, _ = fmt.Sscan(two, &a, &b)
	return " " + b + " " + a
}

// TestFedBy: what a rule may read of a target.
func TestFedBy(t *testing.T) {
	const recorded = `{record: r, expr: "sum by (job, instance) (rate(x[5m]))"}, {record: n, expr: sum(up)}`
	type want struct{ any, data bool }
	all, none, part := want{true, true}, want{}, want{true, false}
	for expr, want := range map[string]want{
		`x`: all, `y`: none, `x{job="j"}`: all, `x{job="k"}`: none, `x{job=~"k|j"}`: all, `x{job!="j"}`: none, `x{zone="z"}`: all,
		`{__name__=~"x|z"}`: all, `{__name__=~"y|z"}`: none, `{__name__="x"}`: all, `{__name__=~"y.*"}`: all, `{job="k"}`: part,
		`up`: part, `up{job="k"}`: none, `up == 0 and on (job) x`: all, `absent(x)`: part, `absent(y)`: none, `scrape_duration_seconds`: part,
		`r`: all, `r{instance="b"}`: none, `r{instance="a"}`: all, `r{job="k"}`: none, `n`: part, `absent(r)`: part,
		`ALERTS`: none, `y{job="tocsin"}`: none, `vector(1)`: none, `sum(rate(x[5m])) / y`: all,
	} {
		o := originOf(t, expr, recorded)
		got := o.fedBy(labels.FromStrings("job", "j", "instance", "a"), func(name string) bool { return name == "x" })
		if got.any != want.any || got.data != want.data {
			t.Errorf("%s: any %v, data %v, want %+v", expr, got.any, got.data, want)
		}
	}
	o := originOf(t, "y", recorded)
	if !o.fedBy(labels.FromStrings("job", "j"), nil).data {
		t.Error("a target of which nothing is known may bring anything")
	}
	o = originOf(t, "max_over_time(y[1h]) > r", recorded)
	if f := o.fedBy(labels.FromStrings("job", "j"), func(name string) bool { return name == "x" }); f.window >= 20*60*1e9 {
		t.Errorf("reads %s back of a target that brings nothing of the hour", f.window)
	}
}

// TestTellsIsTrue: random expressions over targets that are all there, and over the
// same without one of them, give the same for what tells that it is not about that one.
func TestTellsIsTrue(t *testing.T) {
	told := 0
	for seed := range uint64(25) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		whole, lacking := newTelling(t), newTelling(t)
		gone := targetID{fmt.Sprint(rnd.IntN(3)), []string{"x", "y"}[rnd.IntN(2)]}
		at := t0
		for range 12 {
			for id, samples := range randomTargets(rnd) {
				whole.put(at, samples...)
				if id != gone {
					lacking.put(at, samples...)
				}
			}
			at = at.Add(step15)
		}
		speaker := randomrules.New(rnd)
		for range 150 {
			expr := speaker.Vector(3)
			if _, err := whole.vector(t.Context(), expr, at); err != nil {
				continue
			}
			o := originOf(t, expr, "")
			f := o.fedBy(gone.labels(), nil)
			a, errA := whole.vector(t.Context(), expr, at)
			b, errB := lacking.vector(t.Context(), expr, at)
			if errA != nil || errB != nil {
				continue
			}
			tell := func(ls labels.Labels) bool { // it is about another
				for _, l := range f.tells {
					if v := ls.Get(l.Name); v != "" && v != l.Value {
						return true
					}
				}
				return !f.any
			}
			texts := [2]map[string]bool{{}, {}}
			for i, vec := range [][]string{textsOf(a, tell), textsOf(b, tell)} {
				for _, text := range vec {
					texts[i][text] = true
				}
			}
			told += len(texts[0])
			if fmt.Sprint(texts[0]) != fmt.Sprint(texts[1]) {
				t.Fatalf("seed %d: %s tells by %v that it is not about %v, and gives\n%v with it,\n%v without", seed, expr, f.tells, gone, texts[0], texts[1])
			}
		}
	}
	if told < 1000 {
		t.Errorf("only %d results told of what they are", told)
	}
}

func newTelling(t *testing.T) *workbench {
	b := &workbench{t: t, db: teststorage.New(t)}
	b.feed, b.Engine = b.db, New(Options{Queryable: b.db, Appendable: b.db})
	return b
}

package replay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/rules"
	"github.com/tocsin/tocsin/storage"
)

var t0 = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

const step15 = 15 * time.Second

// scraped is up for n scrapes.
func scraped(n int) string { return fmt.Sprintf(`up{job="docker",instance="h"} 1x%d`, n-1) }

// recorded is a data directory of series as unit tests of rules write them, one
// value each 15 s from t0 on.
func recorded(t testing.TB, series ...string) *storage.History {
	t.Helper()
	dir := t.TempDir()
	s := storage.New(storage.Options{Dir: dir})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	fill(t, s, series...)
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	h, err := storage.OpenHistory(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func fill(t testing.TB, s *storage.Store, series ...string) {
	t.Helper()
	var all []labels.Labels
	var values [][]parser.SequenceValue
	longest := 0
	for _, line := range series {
		ls, vs, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all, values, longest = append(all, ls), append(values, vs), max(longest, len(vs))
	}
	for i := range longest {
		app := s.AppenderV2(context.Background())
		for j, vs := range values {
			if i >= len(vs) || vs[i].Omitted {
				continue
			}
			at := t0.Add(time.Duration(i) * step15).UnixMilli()
			if _, err := app.Append(0, all[j], 0, at, vs[i].Value, nil, vs[i].Histogram, promstorage.AOptions{}); err != nil {
				t.Fatalf("%s: %v", all[j], err)
			}
		}
		if err := app.Commit(); err != nil {
			t.Fatal(err)
		}
	}
}

func parseRules(t testing.TB, content string) []rules.Group {
	t.Helper()
	f := rules.Parse("rules.yml", []byte(content))
	if len(f.Problems) > 0 {
		t.Fatal(f.Problems)
	}
	return f.Groups
}

func options(t testing.TB, h promstorage.Queryable, rules string, from, to time.Duration) Options {
	return Options{
		Groups: parseRules(t, rules), History: h, From: t0.Add(from), To: t0.Add(to),
		Interval: step15, ScrapeInterval: step15, HoldLimit: time.Hour, Job: "docker", CountsMetric: "counts", InfoMetric: "info",
	}
}

// describe gives an alert as text: name and labels, times from t0 on, peak.
func describe(a Alert) string {
	end := a.End.Sub(t0).String()
	if a.Firing {
		end = "firing " + end
	}
	s := fmt.Sprintf("%s%s %s-%s peak %s", a.Rule.Alert, a.ownLabels(), a.Start.Sub(t0), end, short(a.Peak))
	if a.Held > 0 {
		s += fmt.Sprintf(" held %s", a.Held)
	}
	return s
}

func alertOn(expr, more string) string {
	return "groups: [{name: g, rules: [{alert: A, expr: '" + expr + "'" + more + "}]}]"
}

var runCases = []struct {
	name     string
	series   []string
	rules    string
	from, to time.Duration
	want     []string
	gaps     []string
	failures int
}{
	{"fires and resolves", []string{scraped(41), `x{job="docker"} 0x4 1 5 3 0x40`}, alertOn("x > 0", ""), 0, 10 * time.Minute,
		[]string{`A{job="docker"} 1m15s-2m0s peak 5`}, nil, 0},
	{"for, and what never fires", []string{scraped(41), `x{n="1"} 0 1x3 0x40`, `x{n="2"} 0 1x10 0x40`}, alertOn("x > 0", ", for: 1m"), 0, 10 * time.Minute,
		[]string{`A{n="2"} 1m15s-3m0s peak 1`}, nil, 0},
	{"lower is worse", []string{scraped(41), `x 9 3 1 4 9x40`}, alertOn("x < 5", ""), 0, 10 * time.Minute,
		[]string{`A{} 15s-1m0s peak 1`}, nil, 0},
	{"still firing", []string{scraped(41), `x 0x20 1+1x30`}, alertOn("x > 0", ""), 0, 10 * time.Minute,
		[]string{`A{} 5m15s-firing 10m0s peak 20`}, nil, 0},
	{"began before the start", []string{scraped(81), `x 0x3 1x60 0x40`}, alertOn("x > 0", ", for: 5m"), 8 * time.Minute, 20 * time.Minute,
		[]string{`A{} 8m0s-16m15s peak 1`}, nil, 0},
	{"ended before the start", []string{scraped(81), `x 1x10 0x80`}, alertOn("x > 0", ", keep_firing_for: 5m"), 9 * time.Minute, 20 * time.Minute, nil, nil, 0},
	{"kept from before the start", []string{scraped(81), `x 1x10 0x80`}, alertOn("x > 0", ", keep_firing_for: 10m"), 9 * time.Minute, 20 * time.Minute,
		[]string{`A{} 0s-12m45s peak 1`}, nil, 0},
	{"template labels, no annotations", []string{scraped(41), `x{n="1"} 0x3 7x4 0x40`},
		alertOn("x > 0", `, labels: {l: "{{ $labels.n }}", v: high}, annotations: {a: "{{ $value }}"}`), 0, 10 * time.Minute,
		[]string{`A{l="1", n="1", v="high"} 1m0s-2m15s peak 7`}, nil, 0},
	{"held while the target is down", []string{`up{job="docker",instance="h"} 1x9 0x3 1x30`, `x{job="docker"} 0x3 1x5 stale _x3 1 0x40`},
		alertOn("x > 0", ""), 0, 10 * time.Minute, []string{`A{job="docker"} 1m0s-3m45s peak 1 held 1m0s`}, nil, 0},
	{"absence is evidence", []string{`up{job="docker",instance="h"} 1x9 0x3 1x30`}, alertOn("up == 0", ""), 0, 10 * time.Minute,
		[]string{`A{instance="h", job="docker"} 2m30s-3m30s peak 0`}, nil, 0},
	{"no for runs through a gap", []string{`up{job="docker",instance="h"} 1x9 _x30 1x60`, `x{job="docker"} 0x7 1 1 _x30 1x60`},
		alertOn("x > 0", ", for: 2m"), 0, 20 * time.Minute, []string{`A{job="docker"} 11m30s-firing 20m0s peak 1`}, []string{"2m15s-10m0s"}, 0},
	{"history that begins late and ends early", []string{`up{job="docker"} _x20 1x20`, `x 1x60`}, alertOn("x > 0", ""), 0, 20 * time.Minute,
		[]string{`A{} 5m0s-firing 10m0s peak 1`}, []string{"0s-5m0s", "10m0s-20m0s"}, 0},
	{"an engine that restores its containers", []string{scraped(41), `counts{job="docker"} 3x9 0x2 3x40`, `info{job="docker"} 1x9 _x3 1x40`},
		alertOn("counts > 0", ""), 0, 10 * time.Minute, []string{`A{job="docker"} 0s-firing 10m0s peak 3 held 45s`}, nil, 0},
	{"several targets", []string{`up{job="a"} 0x20 1x20`, `up{job="b"} 1x10 0x10 1x20`, `x 1x15 0x30`}, alertOn("x > 0", ""), 0, 10 * time.Minute,
		[]string{`A{} 0s-5m15s peak 1 held 1m15s`}, nil, 0},
	{"another target beside", []string{scraped(41), `up{job="tocsin"} 0x40`, `x 1x15 0x30`}, alertOn("x > 0", ""), 0, 10 * time.Minute,
		[]string{`A{} 0s-4m0s peak 1`}, nil, 0},
	{"no target", []string{`x 0 1x3 0x40`}, alertOn("x > 0", ""), 0, 10 * time.Minute, []string{`A{} 15s-1m15s peak 1`}, nil, 0},
	{"a host that changed its name", []string{`up{job="docker",instance="a"} 1x9`, `up{job="docker",instance="b"} _x10 1x9`, `x 1x10 0x20`},
		alertOn("x > 0", ""), 0, 4 * time.Minute, []string{`A{} 0s-2m45s peak 1`}, nil, 0},
	{"a rule that fails", []string{scraped(41), `x{n="1"} 1x40`, `x{n="2"} 0x9 1x5 0x40`}, alertOn(`x > 0`, ", labels: {n: same}"), 0, 10 * time.Minute,
		[]string{`A{n="same"} 0s-firing 10m0s peak 1 held 1m30s`}, nil, 1},
	{"no rule sees what is to come", []string{scraped(41), `x 0x20 1x40`}, alertOn("x offset -4m > 0", ""), 0, 10 * time.Minute,
		[]string{`A{} 5m15s-firing 10m0s peak 1`}, nil, 0},
	{"a group with its own interval", []string{scraped(41), `x 0x4 1 0x40`, `y 0x5 1x4 0x40`},
		"groups: [{name: g, interval: 1m, rules: [{alert: A, expr: x > 0}, {alert: B, expr: y > 0}]}]", 0, 10 * time.Minute,
		[]string{`B{} 2m0s-3m0s peak 1`}, nil, 0},
}

func TestRun(t *testing.T) {
	for _, tc := range runCases {
		t.Run(tc.name, func(t *testing.T) {
			r, err := Run(t.Context(), options(t, recorded(t, tc.series...), tc.rules, tc.from, tc.to))
			if err != nil {
				t.Fatal(err)
			}
			var got, gaps []string
			for _, a := range r.Alerts {
				got = append(got, describe(a))
			}
			for _, g := range r.Gaps {
				gaps = append(gaps, fmt.Sprintf("%s-%s", g.From.Sub(t0), g.To.Sub(t0)))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("alerts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.gaps, gaps); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
			if len(r.Failures) != tc.failures {
				t.Errorf("failures %v, want %d", r.Failures, tc.failures)
			}
		})
	}
}

// TestRulesSeeOnlyTheirOwnWritings: what rules wrote when the history was made is
// not there, unless they are not among those that are replayed.
func TestRulesSeeOnlyTheirOwnWritings(t *testing.T) {
	h := recorded(t, scraped(41), `x{job="docker"} 0x10 5x10 0x40`,
		`ALERTS{alertname="A",alertstate="firing",job="docker"} 1x40`, `ALERTS{alertname="Old",alertstate="firing"} 1x40`,
		`sum:x 99x40`, `other:x 7x40`, `half:x{from="rule"} 99x40`, `half:x{from="target"} 3x40`)
	r, err := Run(t.Context(), options(t, h, `
groups:
  - name: g
    rules:
      - {record: 'sum:x', expr: sum(x)}
      - {record: 'half:x', expr: sum(x) / 2, labels: {from: rule}}
      - {alert: A, expr: x > 3}
      - {alert: Meta, expr: 'ALERTS{alertstate="firing", alertname=~"A|Old"}'}
      - {alert: Sum, expr: 'sum:x > 3'}
      - {alert: Other, expr: 'other:x > 3'}
      - {alert: Half, expr: 'half:x > 2.6'}
`, 0, 10*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range r.Alerts {
		got = append(got, describe(a))
	}
	want := []string{
		`Half{from="target"} 0s-firing 10m0s peak 3`, `Other{} 0s-firing 10m0s peak 7`, `A{job="docker"} 2m45s-5m30s peak 5`,
		`Meta{alertstate="firing", job="docker"} 2m45s-5m30s peak 1`, `Sum{} 2m45s-5m30s peak 5`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}

// failing is a history that cannot be read after some time.
type failing struct {
	promstorage.Queryable
	after millis
	err   error
}

func (f failing) Querier(mint, maxt millis) (promstorage.Querier, error) {
	if mint > f.after {
		return nil, f.err
	}
	return f.Queryable.Querier(mint, maxt)
}

// TestUnreadableHistoryIsNoEvidence: a replay over half of the history would say
// that alerts end.
func TestUnreadableHistoryIsNoEvidence(t *testing.T) {
	o := options(t, nil, "groups: [{name: g, rules: [{alert: A, expr: x > 0}, {alert: B, expr: 'x{a=\"\"} offset -1s > 0'}]}]", 0, 12*time.Hour)
	broken := errors.New("disk is broken")
	o.History = failing{recorded(t, scraped(12*240), `x 1x2880`), t0.Add(time.Hour).UnixMilli(), broken}
	if _, err := Run(t.Context(), o); !errors.Is(err, broken) {
		t.Errorf("run over a history that breaks: %v, want %v", err, broken)
	}
}

func TestRunEnds(t *testing.T) {
	h := recorded(t, scraped(41), `x 1x40`)
	o := options(t, h, "groups: [{name: g, rules: [{alert: A, expr: x > 0}]}]", 0, 10*time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	ticks := 0
	o.Progress = func(done float64, at time.Time, firing int) {
		if ticks++; ticks == 3 {
			cancel()
		}
		if done <= 0 || done > 1 || firing != 1 || at.Before(t0) {
			t.Errorf("progress %v at %v with %d firing", done, at, firing)
		}
	}
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) || ticks != 3 {
		t.Errorf("run that is canceled: %v after %d ticks", err, ticks)
	}
	o.From, o.To, o.Progress = t0.Add(time.Hour), t0.Add(2*time.Hour), nil
	if _, err := Run(t.Context(), o); err != nil && !errors.Is(err, ErrNothingRecorded) {
		t.Error(err)
	}
	o.History = recorded(t, scraped(41)+" _x600 1")
	if _, err := Run(t.Context(), o); !errors.Is(err, ErrNothingRecorded) {
		t.Errorf("run where nothing is: %v, want %v", err, ErrNothingRecorded)
	}
}

func TestReach(t *testing.T) {
	for rule, want := range map[string]time.Duration{
		"expr: x": 0, "expr: ALERTS": 5 * time.Minute, "expr: 'max_over_time(r[1h])'": time.Hour, "expr: 'r offset 1h'": 65 * time.Minute,
		"expr: 'max_over_time(sum(r)[1h:1m] offset 10m)'": 75 * time.Minute, "expr: 'max_over_time(x[7d])'": 0,
		"expr: 'r @ 5'": endless, "expr: 'sum_over_time(r[5m:1m] @ 5)'": endless, "expr: 'x @ 5'": 0,
		`expr: x, labels: {a: '{{ query "r" }}'}`: endless, "expr: '{a=\"b\"}'": 5 * time.Minute, "expr: '{__name__=~\"s.*\"}'": 0,
	} {
		groups := parseRules(t, "groups: [{name: g, rules: [{record: r, expr: x}, {alert: A, "+rule+"}]}]")
		if got := reach(groups); got != want {
			t.Errorf("%s: reach %v, want %v", rule, got, want)
		}
	}
}

func TestLowIsWorse(t *testing.T) {
	for expr, want := range map[string]bool{
		"x < 5": true, "x <= 5": true, "(x < 5)": true, "x > 5": false, "5 > x": true, "5 < x": false, "x < 5 and y > 1": true,
		"x > 5 unless y < 3": false, "x < 5 or y": true, "x < bool 5": false, "sum(x < 5)": false, "x == 0": false, "x < y": true,
	} {
		g := parseRules(t, "groups: [{name: g, rules: [{alert: A, expr: '"+expr+"'}]}]")
		if got := lowIsWorse(g[0].Rules[0].Expr); got != want {
			t.Errorf("%s: lower is worse: %v, want %v", expr, got, want)
		}
	}
}

func TestWarmUp(t *testing.T) {
	g := parseRules(t, strings.TrimSpace(`
groups:
  - name: g
    rules:
      - {record: r, expr: x}
      - {alert: A, expr: 'max_over_time(r[1h]) > 1', for: 10m, keep_firing_for: 5m}
      - {alert: B, expr: 'x > 1', for: 12m}
`))
	if got := warmUp(g); got != 75*time.Minute {
		t.Errorf("warm-up %v, want 1h15m: the longest look back at own series, and the longest wait", got)
	}
}

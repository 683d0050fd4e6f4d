package engine

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql/parser"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/strutil"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/tocsin/tocsin/rules"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run only this seed of the differential test")
	seedCount = flag.Uint64("seeds", 15, "how many seeds the differential test runs")
)

// TestDifferential runs random rules over random data through this engine and
// through Prometheus's own rule groups, each over its own TSDB, and compares all
// that can be seen after each evaluation. Expressions that fail, and limits, are
// left out here: there the two differ on purpose (TestErrorKeepsAlerts,
// TestLimitKeepsWhatFires).
func TestDifferential(t *testing.T) {
	from, to := uint64(1), *seedCount
	if *seedFlag != 0 {
		from, to = *seedFlag, *seedFlag
	}
	compared := 0
	for seed := from; seed <= to; seed++ {
		ok := t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { compared += differential(t, seed) })
		if !ok {
			t.Fatalf("differs; to see it alone: go test ./engine -run Differential -seed %d", seed)
		}
	}
	if *seedFlag == 0 && compared < int(to)*diffEvaluations/2 {
		t.Errorf("only %d evaluations of %d seeds were compared: the rules fail too often", compared, to)
	}
}

const diffEvaluations = 90

// differential returns how many evaluations were compared.
func differential(t *testing.T, seed uint64) int {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 1))
	content := randomRules(rnd)
	ours := newBench(t, func(o *Options) { o.ExternalURL = &url.URL{Scheme: "http", Host: "h"} })
	ours.load(content)
	theirs := newReference(t, content)
	at := t0
	for i := range diffEvaluations {
		samples := randomSamples(rnd)
		ours.put(at, samples...)
		(&workbench{t: t, db: theirs.db}).put(at, samples...)
		ours.tick(at, true)
		theirs.tick(at)
		if theirs.failed() { // from here on the two differ on purpose
			return i
		}
		got, want := ours.visible(at), theirs.visible(ours, at)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("evaluation %d differs (-prometheus +tocsin):\n%s\nrules:\n%s", i, diff, content)
		}
		at = at.Add(step15)
	}
	return diffEvaluations
}

// failed tells whether a rule has ended in an error: two results became equal.
func (r *reference) failed() bool {
	for _, g := range r.groups {
		for _, rule := range g.Rules() {
			if rule.LastError() != nil {
				return true
			}
		}
	}
	return false
}

// randomSamples appear, vanish, go stale and come back.
func randomSamples(rnd *rand.Rand) []string {
	var out []string
	for _, name := range []string{"m", "n", "c"} {
		for _, a := range []string{"x", "y", "z"} {
			v := fmt.Sprint(rnd.IntN(5))
			switch p := rnd.IntN(20); {
			case p < 5:
				continue
			case p == 5:
				v = "stale"
			case p == 6:
				v = "NaN"
			case p == 7:
				v = "+Inf"
			}
			out = append(out, fmt.Sprintf("%s{a=%q,b=%q} %s", name, a, "k", v))
		}
	}
	return out
}

func randomRules(rnd *rand.Rand) string {
	pick := func(from ...string) string { return from[rnd.IntN(len(from))] }
	var b strings.Builder
	b.WriteString("groups:\n")
	for g := range 1 + rnd.IntN(2) {
		fmt.Fprintf(&b, "- name: g%d\n  query_offset: %s\n", g, pick("0s", "0s", "15s", "20s"))
		if rnd.IntN(2) == 0 {
			b.WriteString("  labels: {team: t1}\n")
		}
		b.WriteString("  rules:\n")
		for r := range 1 + rnd.IntN(6) {
			expr := pick(
				"m > 2", "m", "n == 3", "sum by (a) (m) > 3", "sum(m)", "absent(m{a=\"x\"})", "m > on (a, b) n",
				"rate(c[1m]) > 0.02", "max_over_time(m[1m]) > 3", "m unless on (a) n", "vector(1)", "2 > bool 1", "vector(time()) % 45 < 30",
				"ALERTS{alertstate=\"firing\"}", "count by (alertstate) (ALERTS)", "ALERTS_FOR_STATE > 0", "rec", "rec > 2", "m offset 30s > 1",
				"quantile_over_time(0.5, m[2m]) > 1", "-m < -2", "topk(1, m) > 0", "count_values(\"v\", m)", "m{a=\"x\"} or n{a=\"y\"}")
			if rnd.IntN(4) == 0 {
				fmt.Fprintf(&b, "  - record: rec\n    expr: '%s'\n    labels: {from: g%d, n: \"%d\"}\n", expr, g, r)
				continue
			}
			fmt.Fprintf(&b, "  - alert: A%d\n    expr: '%s'\n    for: %s\n    keep_firing_for: %s\n    labels:\n      r: g%d-%d\n",
				rnd.IntN(3), expr, pick("0s", "0s", "15s", "40s", "2m"), pick("0s", "0s", "30s", "1m"), g, r)
			if rnd.IntN(2) == 0 {
				fmt.Fprintf(&b, "      %s\n", pick(
					`val: "{{ $value }}"`, `b: ""`, `team: mine`, `t: "{{ $labels.a | toUpper }}"`,
					`q: '{{ with query "count(n)" }}{{ . | first | value }}{{ end }}'`, `bad: "{{ $labels.a | toDuration }}"`))
			}
			fmt.Fprintf(&b, "    annotations:\n      s: '%s'\n", pick("{{ $value }} of {{ $labels }}", "{{ humanize $value }}",
				"{{ template \"none\" }}", "{{ range query \"m\" }}{{ .Labels.a }}{{ .Value }}{{ end }}", "{{ $externalURL }}"))
		}
	}
	return b.String()
}

// visible is all that can be seen of one side after an evaluation.
type visible struct {
	Alerts, Series, Sent []string
}

func (b *workbench) visible(at time.Time) visible {
	var v visible
	for _, g := range b.Snapshot().Groups {
		for _, r := range g.Rules {
			for _, a := range r.Alerts {
				v.Alerts = append(v.Alerts, describe(a.State.String(), a.Labels, a.Annotations, a.Value, a.ActiveAt, a.FiredAt, a.ResolvedAt, a.KeepFiringSince, a.LastSentAt))
			}
		}
	}
	for _, n := range b.sent {
		v.Sent = append(v.Sent, fmt.Sprint(n.Labels, n.Annotations, n.StartsAt, n.EndsAt, n.GeneratorURL, n.Resolved))
	}
	v.Series = b.everySample(b.db, at)
	return v.normal()
}

// templatePlace is where a template failed: bounded templates are longer.
var templatePlace = regexp.MustCompile(`:\d+:\d+: executing`)

// normal orders what has no order, and drops what differs on purpose.
func (v visible) normal() visible {
	for _, list := range [][]string{v.Alerts, v.Series, v.Sent} {
		for i, s := range list {
			list[i] = templatePlace.ReplaceAllString(s, ": executing")
		}
	}
	sort.Strings(v.Alerts)
	sort.Strings(v.Sent)
	return v
}

func describe(state string, ls, as labels.Labels, value float64, times ...time.Time) string {
	s := fmt.Sprint(state, ls, as, value)
	for _, t := range times {
		s += fmt.Sprint(" ", t.Sub(t0))
	}
	return s
}

// everySample reads what the rules wrote in the last minutes, bit by bit.
func (b *workbench) everySample(db *teststorage.TestStorage, at time.Time) []string {
	b.t.Helper()
	q, err := db.Querier(at.Add(-2*time.Minute).UnixMilli(), at.UnixMilli())
	if err != nil {
		b.t.Fatal(err)
	}
	defer q.Close()
	var out []string
	ss := q.Select(b.t.Context(), true, nil, labels.MustNewMatcher(labels.MatchRegexp, labels.MetricName, "ALERTS|ALERTS_FOR_STATE|rec"))
	for ss.Next() {
		it := ss.At().Iterator(nil)
		for it.Next() != 0 {
			ts, v := it.At()
			text := fmt.Sprint(v)
			if value.IsStaleNaN(v) {
				text = "stale"
			}
			out = append(out, fmt.Sprintf("%s %d %s", ss.At().Labels(), ts-t0.UnixMilli(), text))
		}
	}
	if ss.Err() != nil {
		b.t.Fatal(ss.Err())
	}
	return out
}

// reference is Prometheus's own rule groups over a TSDB of their own.
type reference struct {
	t      *testing.T
	db     *teststorage.TestStorage
	groups []*promrules.Group
	sent   []string
}

func newReference(t *testing.T, content string) *reference {
	t.Helper()
	ref := &reference{t: t, db: teststorage.New(t)}
	query := newPromQL(Options{Interval: step15})
	ext := "http://h"
	extURL := &url.URL{Scheme: "http", Host: "h"}
	opts := &promrules.ManagerOptions{
		NameValidationScheme: model.UTF8Validation, ExternalURL: extURL, Context: context.Background(),
		QueryFunc: promrules.EngineQueryFunc(query, ref.db), AppendableV2: ref.db, Queryable: ref.db,
		Logger: promslog.NewNopLogger(), Registerer: prometheus.NewRegistry(), ResendDelay: DefaultResendDelay,
		Parser: parser.NewParser(parser.Options{}),
		NotifyFunc: func(_ context.Context, expr string, as ...*promrules.Alert) {
			for _, a := range as {
				ends := a.ValidUntil
				if !a.ResolvedAt.IsZero() {
					ends = a.ResolvedAt
				}
				ref.sent = append(ref.sent, fmt.Sprint(a.Labels, a.Annotations, a.FiredAt, ends, ext+strutil.TableLinkForExpression(expr), !a.ResolvedAt.IsZero()))
			}
		},
	}
	promrules.NewManager(opts) // fills in what the options leave out
	for _, g := range rules.Parse("rules.yml", []byte(content)).Groups {
		var rs []promrules.Rule
		for _, r := range g.Rules {
			if r.Record != "" {
				rs = append(rs, promrules.NewRecordingRule(r.Record, r.Expr, r.Labels))
				continue
			}
			rs = append(rs, promrules.NewAlertingRule(r.Alert, r.Expr, r.For, r.KeepFiringFor, r.Labels, r.Annotations,
				labels.EmptyLabels(), ext, true, promslog.NewNopLogger()))
		}
		ref.groups = append(ref.groups, promrules.NewGroup(promrules.GroupOptions{
			Name: g.Name, File: g.File, Interval: step15, Rules: rs, QueryOffset: g.QueryOffset, Opts: opts,
		}))
	}
	return ref
}

func (r *reference) tick(at time.Time) {
	r.sent = nil
	for _, g := range r.groups {
		g.Eval(r.t.Context(), at)
	}
}

func (r *reference) visible(b *workbench, at time.Time) visible {
	v := visible{Sent: r.sent, Series: b.everySample(r.db, at)}
	for _, g := range r.groups {
		for _, rule := range g.Rules() {
			ar, ok := rule.(*promrules.AlertingRule)
			if !ok {
				continue
			}
			ar.ForEachActiveAlert(func(a *promrules.Alert) {
				v.Alerts = append(v.Alerts, describe(a.State.String(), a.Labels, a.Annotations, a.Value, a.ActiveAt, a.FiredAt, a.ResolvedAt, a.KeepFiringSince, a.LastSentAt))
			})
		}
	}
	return v.normal()
}

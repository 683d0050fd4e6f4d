package engine

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"sort"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/tocsin/tocsin/engine/internal/randomrules"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run only this seed of the differential test")
	seedCount = flag.Uint64("seeds", 15, "how many seeds the differential test runs")
)

// TestDifferential runs random rules over random data through this engine and
// through Prometheus's own rule groups, each over its own TSDB, and compares all
// that can be seen after each evaluation. The named exceptions, where the two
// differ on purpose: once a rule of the reference has ended in an error, by equal
// results or over its limit, the seed is over (TestErrorKeepsAlerts,
// TestLimitKeepsWhatFires); the place in the text of a failed template is not
// compared (templatePlace). Nothing is ever held, as every tick is up: what Prometheus
// fires on a failed scrape and this engine does not is in TestNothingFiresForWantOfData.
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
		(&workbench{t: t, db: theirs.db, feed: theirs.db}).put(at, samples...)
		hists := randomHistograms(rnd)
		putHistograms(t, ours.feed, at, hists)
		putHistograms(t, theirs.db, at, hists)
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

// randomHistograms are native histograms of the series h, by the label a.
func randomHistograms(rnd *rand.Rand) map[string]*histogram.Histogram {
	out := map[string]*histogram.Histogram{}
	for _, a := range []string{"x", "y"} {
		if rnd.IntN(4) > 0 {
			out[a] = tsdbutil.GenerateTestHistogram(int64(rnd.IntN(5)))
		}
	}
	return out
}

func putHistograms(t *testing.T, db storage.AppendableV2, at time.Time, hists map[string]*histogram.Histogram) {
	t.Helper()
	app := db.AppenderV2(t.Context())
	for a, h := range hists {
		ls := labels.FromStrings(labels.MetricName, "h", "a", a)
		if _, err := app.Append(0, ls, 0, at.UnixMilli(), 0, h.Copy(), nil, storage.AOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

// randomRules are rules of which Prometheus and this engine think alike.
func randomRules(rnd *rand.Rand) string {
	return randomrules.New(rnd).Rules(randomrules.Form{
		Groups: 2, Rules: 6,
		Group: [][]string{
			{"query_offset: 0s", "query_offset: 0s", "query_offset: 15s", "query_offset: 20s"},
			{"limit: 0", "limit: 0", "limit: 0", "limit: 5"},
			{"labels: {team: t1}", "labels: {}"},
		},
		Expr: func() string { return diffExprs[rnd.IntN(len(diffExprs))] },
		Labels: []string{
			`val: "{{ $value }}"`, `b: ""`, `team: mine`, `t: "{{ $labels.a | toUpper }}"`,
			`q: '{{ with query "count(n)" }}{{ . | first | value }}{{ end }}'`, `bad: "{{ $labels.a | toDuration }}"`,
		},
		Annotations: []string{
			"{{ $value }} of {{ $labels }}", "{{ humanize $value }}", "{{ template \"none\" }}",
			"{{ range query \"m\" }}{{ .Labels.a }}{{ .Value }}{{ end }}", "{{ $externalURL }}",
		},
		For: []string{"0s", "0s", "15s", "40s", "2m"}, Keep: []string{"0s", "0s", "30s", "1m"},
	})
}

var diffExprs = []string{
	"m > 2", "m", "n == 3", "sum by (a) (m) > 3", "sum(m)", "absent(m{a=\"x\"})", "m > on (a, b) n",
	"rate(c[1m]) > 0.02", "max_over_time(m[1m]) > 3", "m unless on (a) n", "vector(1)", "2 > bool 1", "vector(time()) % 45 < 30",
	"ALERTS{alertstate=\"firing\"}", "count by (alertstate) (ALERTS)", "ALERTS_FOR_STATE > 0", "rec", "rec > 2", "m offset 30s > 1",
	"quantile_over_time(0.5, m[2m]) > 1", "-m < -2", "topk(1, m) > 0", "count_values(\"v\", m)", "m{a=\"x\"} or n{a=\"y\"}",
	"h", "histogram_count(h) > 12", "sum(h)", "rate(h[1m])", "histogram_quantile(0.9, h) > 1", "h or m",
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
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			if kind != chunkenc.ValFloat {
				ts, h := it.AtFloatHistogram(nil)
				out = append(out, fmt.Sprintf("%s %d %s", ss.At().Labels(), ts-t0.UnixMilli(), h))
				continue
			}
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

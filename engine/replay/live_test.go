package replay

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/engine/internal/randomrules"
	"github.com/tocsin/tocsin/storage"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run only this seed of the comparison with the live engine")
	seedCount = flag.Uint64("seeds", 12, "how many seeds that comparison runs")
)

// TestReplaySaysWhatHappened runs random rules live, over a store that grows scrape
// by scrape and takes what the rules write, and then replays them over what that
// store holds: the alerts are the same, in all that is reported.
func TestReplaySaysWhatHappened(t *testing.T) {
	from, to := uint64(1), *seedCount
	if *seedFlag != 0 {
		from, to = *seedFlag, *seedFlag
	}
	alerts := 0
	for seed := from; seed <= to; seed++ {
		rnd := rand.New(rand.NewPCG(seed, 3))
		content := randomRules(rnd)
		dir := t.TempDir()
		live, last := runLive(t, rnd, dir, content)
		h, err := storage.OpenHistory(dir)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Run(t.Context(), Options{
			Groups: parseRules(t, content), History: h, From: t0, To: last, Interval: step15, ScrapeInterval: step15,
			HoldLimit: 5 * time.Minute, Job: "docker", CountsMetric: "counts", InfoMetric: "info",
		})
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for _, a := range live.alerts(t0) {
			want = append(want, describe(a))
		}
		for _, a := range r.Alerts {
			got = append(got, describe(a))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d differs (-live +replay):\n%s\nrules:\n%s\nto see it alone: go test ./engine/replay -run SaysWhat -seed %[1]d", seed, diff, content)
		}
		if live.evaluations != r.Evaluations {
			t.Errorf("seed %d: %d evaluations, live there were %d", seed, r.Evaluations, live.evaluations)
		}
		alerts += len(got)
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
	if *seedFlag == 0 && alerts < 10*int(to) {
		t.Errorf("only %d alerts fired: the rules are too tame", alerts)
	}
}

// runLive scrapes and evaluates for half an hour, with failed scrapes, a pause,
// an engine that restores, and scrapes that are late.
func runLive(t *testing.T, rnd *rand.Rand, dir, content string) (tr *tracker, last time.Time) {
	t.Helper()
	s := storage.New(storage.Options{Dir: dir})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	tr = newTracker()
	eng := engine.New(engine.Options{
		Queryable: s, Appendable: s, Interval: step15, ScrapeInterval: step15, HoldLimit: 5 * time.Minute, Observe: tr.observe,
	})
	eng.Load(parseRules(t, content), true)
	there := map[string]bool{}
	pause := 20 + rnd.IntN(60)
	for i := range 120 {
		if i >= pause && i < pause+10 {
			if i == pause {
				eng.Suspend()
			}
			continue
		}
		last = t0.Add(time.Duration(i)*step15 + time.Duration(max(0, rnd.IntN(20)-17))*50*time.Millisecond)
		tick := engine.Tick{At: last, Up: rnd.IntN(12) > 0, Restoring: rnd.IntN(30) == 0}
		tick.Restoring = tick.Restoring && tick.Up
		scrapeInto(t, rnd, s, tick, there)
		eng.Replay(t.Context(), tick)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return tr, last
}

// scrapeInto stores what a scrape brings, and stale markers for what it does not.
func scrapeInto(t *testing.T, rnd *rand.Rand, s *storage.Store, tick engine.Tick, there map[string]bool) {
	t.Helper()
	app := s.AppenderV2(t.Context())
	put := func(v float64, ls ...string) {
		if _, err := app.Append(0, labels.FromStrings(append(ls, "job", "docker")...), 0, tick.At.UnixMilli(), v, nil, nil, promstorage.AOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"m", "n"} {
		for _, a := range []string{"x", "y", "z"} {
			switch now := tick.Up && rnd.IntN(5) > 0; {
			case now:
				put(6*rnd.Float64(), "__name__", name, "a", a) // topk takes any of equal ones
				there[name+a] = true
			case there[name+a]:
				put(math.Float64frombits(value.StaleNaN), "__name__", name, "a", a)
				there[name+a] = false
			}
		}
	}
	up := 0.0
	if tick.Up {
		up = 1
		put(2, "__name__", "counts")
		if !tick.Restoring {
			put(1, "__name__", "info")
		}
	}
	put(up, "__name__", "up")
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

// randomRules are rules that see in a history what they saw live.
func randomRules(rnd *rand.Rand) string {
	exprs := []string{
		"m > 2", "m < 3", "sum by (a) (m) > 3", "absent(m{a=\"x\"})", "m > on (a) n", "rate(m[1m]) > 0.02", "max_over_time(m[1m]) > 3",
		"m unless on (a) n", "vector(1)", "up == 0", "m offset 30s > 1", "max_over_time(sum(m)[2m:30s]) > 9", "topk(1, m) > 0", "avg(m + on (a) n) > 4",
		"ALERTS{alertstate=\"firing\"}", "rec > 2", "sum_over_time(rec[1m]) > 9", "count(ALERTS_FOR_STATE) > 3", "{job=\"docker\", a=\"y\"} > 3", "m @ end() > 2",
	}
	return randomrules.New(rnd).Rules(randomrules.Form{
		Groups: 3, Rules: 5,
		Group: [][]string{
			{"interval: 15s", "interval: 15s", "interval: 30s", "interval: 20s"},
			{"limit: 0", "limit: 0", "limit: 0", "limit: 2"},
			{"query_offset: 0s", "query_offset: 0s", "query_offset: 15s"},
		},
		Expr:        func() string { return exprs[rnd.IntN(len(exprs))] },
		Labels:      []string{`b: b`, `v: "{{ $labels.a | toUpper }}"`, `q: '{{ with query "count(n)" }}{{ . | first | value }}{{ end }}'`},
		Annotations: []string{"{{ $value }}"},
		For:         []string{"0s", "0s", "15s", "40s"}, Keep: []string{"0s", "0s", "30s"},
	})
}

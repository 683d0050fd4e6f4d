package engine

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin/tocsin/rules"
)

// TestForesightChangesNothing runs random rules over random data that is all
// there from the start, with and without foresight, at moments that are mostly
// but not always one step apart, and compares all that can be seen after each.
func TestForesightChangesNothing(t *testing.T) {
	foreseen, seeds := 0, max(1, *seedCount/4)
	for seed := uint64(1); seed <= seeds; seed++ {
		rnd := rand.New(rand.NewPCG(seed, 2))
		content := randomRules(rnd)
		const moments = 80
		end := t0.Add(moments * step15)
		single, many := newBench(t, nil), newBench(t, nil)
		many.opts.Foresight = &Foresight{Queryable: many.db, Until: end}
		var ticks []Tick
		for at := t0; at.Before(end); at = at.Add(step15) {
			jitter := time.Duration(max(0, rnd.IntN(40)-30)) * 20 * time.Millisecond
			tick := Tick{At: at.Add(jitter), Up: rnd.IntN(10) > 0, Restoring: rnd.IntN(20) == 0}
			samples := randomSamples(rnd)
			single.put(tick.At, samples...)
			many.put(tick.At, samples...)
			if rnd.IntN(30) > 0 { // else a hole
				ticks = append(ticks, tick)
			}
		}
		single.load(content)
		many.load(content)
		for i, tick := range ticks {
			single.sent, many.sent = nil, nil
			single.Replay(t.Context(), tick)
			many.Replay(t.Context(), tick)
			if diff := cmp.Diff(single.visible(tick.At), many.visible(tick.At)); diff != "" {
				t.Fatalf("seed %d, evaluation %d differs (-single +foresight):\n%s\nrules:\n%s", seed, i, diff, content)
			}
		}
		for _, g := range *many.groups.Load() {
			for _, r := range g.rules {
				if a := r.base().ahead; a != nil && a.size > 4 {
					foreseen++
				}
			}
		}
	}
	if foreseen < max(1, int(seeds)/5) {
		t.Errorf("only %d rules of %d seeds have looked ahead", foreseen, seeds)
	}
}

func TestForeseeable(t *testing.T) {
	for expr, want := range map[string]bool{
		"x > 1": true, "rate(x[5m] offset 1h)": true, "vector(1)": true, "max_over_time(sum(x)[1h:1m]) > 1": true,
		"ALERTS": false, `{__name__=~"ALERT.*"}`: false, `{job="x"}`: false, "rec:x + x": false,
		"x @ 1700000000": false, "x @ end()": false, "x offset -5m": false, "sum_over_time(x[1h:1m] @ 5)": false,
		"max_over_time(x[1h:1m] offset -1m)": false, `{__name__=~"x|y"}`: true,
	} {
		groups := rules.Parse("r.yml", []byte("groups: [{name: g, rules: [{record: 'rec:x', expr: y}, {alert: A, expr: '"+expr+"'}]}]")).Groups
		if got := foreseeable(groups[0].Rules[1].Expr, WrittenBy(groups)); got != want {
			t.Errorf("%s: foreseeable %v, want %v", expr, got, want)
		}
	}
}

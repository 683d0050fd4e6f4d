package plan

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/engine/internal/randomrules"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run only this seed of the differential test")
	seedCount = flag.Uint64("seeds", 50, "how many seeds the differential test runs")
)

const (
	diffRules = 30 // before rules are loaded anew, and afterwards
	diffTurns = 20
)

// TestDifferential compares the plan with promql.Engine, to the last bit, over
// random expressions and a random history.
func TestDifferential(t *testing.T) {
	from, to := uint64(1), *seedCount
	if *seedFlag != 0 {
		from, to = *seedFlag, *seedFlag
	}
	var asked, answered atomic.Int64
	t.Run("seeds", func(t *testing.T) { // which ends when all of them have
		for seed := from; seed <= to; seed++ {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				a, b := differential(t, seed)
				asked.Add(int64(a))
				answered.Add(int64(b))
				if t.Failed() {
					t.Logf("to see it alone: go test ./engine/plan -run Differential -seed %d", seed)
				}
			})
		}
	})
	t.Logf("%d of %d evaluations answered by the plan", answered.Load(), asked.Load())
	if answered.Load() < asked.Load()/2 {
		t.Errorf("only %d of %d evaluations were answered by the plan, and compared", answered.Load(), asked.Load())
	}
}

func differential(t *testing.T, seed uint64) (asked, answered int) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	w := newWorld(t, nil)
	h := newHistory(w, rnd)
	rules := w.Load(randomQueries(randomrules.New(rnd)))
	for range 40 {
		h.step()
		h.at = h.at.Add(time.Duration(10+rnd.IntN(30)) * time.Second)
	}
	last := h.at
	incidents := ""
	for turn := range diffTurns {
		if turn == diffTurns/2 {
			rules = w.Load(randomQueries(randomrules.New(rnd)))
		}
		if what := h.incident(); what != "" {
			incidents += fmt.Sprintf("%s before turn %d; ", what, turn)
		}
		h.step()
		delay := []time.Duration{0, 3 * time.Second, time.Millisecond, 14999 * time.Millisecond}[rnd.IntN(4)]
		at := h.at.Add(delay)
		if rnd.IntN(20) == 0 {
			at = last // once more, with what has been written since
		}
		for _, r := range rules {
			w.compare(r, at.Add(-r.query.Offset))
			if t.Failed() {
				t.Errorf("turn %d, at %v; %s", turn, at.Sub(t0), incidents)
				return asked, w.answered
			}
		}
		last = at
		asked += len(rules)
		h.at = h.at.Add(15 * time.Second)
	}
	return asked, w.answered
}

func randomQueries(say randomrules.Speaker) []Query {
	var qs []Query
	p := parser.NewParser(parser.Options{EnableExperimentalFunctions: true})
	for len(qs) < diffRules {
		expr := say.Vector(1 + say.IntN(4))
		if e, err := p.ParseExpr(expr); err != nil || e.Type() != parser.ValueTypeVector {
			continue
		}
		q := Query{Expr: expr}
		if say.IntN(5) == 0 {
			q.Offset = 30 * time.Second
		}
		qs = append(qs, q)
	}
	return qs
}

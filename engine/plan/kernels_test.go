package plan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// TestKernels compares each kernel with promql's function over samples that are
// hard on floats.
func TestKernels(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 9))
	compared := map[string]int{}
	for range 20_000 {
		points := randomPoints(rnd)
		w := span{at: 600_000, from: 300_000, to: 600_000, scalar: 3600, times: &times{}}
		for _, name := range []string{"max_over_time", "min_over_time", "sum_over_time", "avg_over_time", "count_over_time",
			"last_over_time", "changes", "rate", "increase", "predict_linear", "deriv"} {
			k := kernelOf(name)
			if k == nil {
				continue // not on this processor
			}
			if name == "rate" {
				w.perSecond = 300
			} else {
				w.perSecond = 0
			}
			if (name == "rate" || name == "increase") && resets(points) {
				continue
			}
			w.last = points[len(points)-1]
			got, is := k(points, w)
			if is == unknown {
				continue
			}
			compared[name]++
			want := stockFunction(t, name, points, w)
			if is == absent && len(want) != 0 || is == present && (len(want) != 1 || !sameFloat(got, want[0].F)) {
				t.Fatalf("%s of %v gives %v (%v), want %v", name, points, got, is, want)
			}
		}
	}
	for name, n := range compared {
		if n < 5000 {
			t.Errorf("%s was compared only %d times", name, n)
		}
	}
	if want := 7; len(compared) < want {
		t.Errorf("%d kernels, want %d at least", len(compared), want)
	}
}

func randomPoints(rnd *rand.Rand) []promql.FPoint {
	var points []promql.FPoint
	kind := rnd.IntN(6)
	v := 0.0
	for at := int64(300_001 + rnd.IntN(30_000)); at <= 600_000; at += int64(15_000 + rnd.IntN(200)) {
		switch kind {
		case 0:
			v += float64(rnd.IntN(5))
		case 1:
			v += rnd.Float64()
		case 2:
			v = rnd.NormFloat64() * math.Pow(10, float64(rnd.IntN(30)-15))
		case 3:
			v = oddFloats[rnd.IntN(len(oddFloats))]
		case 4:
			v = float64(rnd.IntN(2))
		case 5:
			v = math.MaxFloat64 * (rnd.Float64() - 0.5)
		}
		points = append(points, promql.FPoint{T: at, F: v})
		if rnd.IntN(40) == 0 {
			break
		}
	}
	return points
}

func resets(points []promql.FPoint) bool {
	for i, p := range points[1:] {
		if p.F < points[i].F {
			return true
		}
	}
	return false
}

func stockFunction(t *testing.T, name string, points []promql.FPoint, w span) promql.Vector {
	t.Helper()
	text := name + "(m[5m])"
	if name == "predict_linear" {
		text = fmt.Sprintf("predict_linear(m[5m], %v)", w.scalar)
	}
	e, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		t.Fatal(err)
	}
	vec, _ := promql.FunctionCalls[name]([]promql.Vector{{{F: w.scalar}}}, promql.Matrix{{Floats: points}},
		e.(*parser.Call).Args, &promql.EvalNodeHelper{Ts: w.at, LookbackDelta: 5 * time.Minute})
	return vec
}

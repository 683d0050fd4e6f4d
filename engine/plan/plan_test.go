package plan

import (
	"testing"
	"time"
)

func TestFirst(t *testing.T) {
	w := newWorld(t, nil)
	at := t0
	for range 30 {
		w.put(at, `m{a="x"} 1`, `m{a="y"} 2`, `c_total{a="x"} 5`)
		at = at.Add(15 * time.Second)
	}
	rs := w.rules("sum by (a) (m) > 1", "m", "rate(c_total[1m])", "m and on (a) c_total", "m + on (a) group_left () c_total", "topk(1, m)", "absent(nope)", "1 + time()")
	for range 10 {
		w.put(at, `m{a="x"} 1`, `m{a="y"} 2`, `c_total{a="x"} 7`)
		for _, r := range rs {
			if !w.compare(r, at) {
				t.Errorf("%s was not answered", r.query.Expr)
			}
		}
		at = at.Add(15 * time.Second)
	}
}

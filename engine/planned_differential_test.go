package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/engine/internal/randomrules"
)

// TestPlanChangesNothing runs random rules over random data in two processes, one with
// the plan and one without, through whatever happens to processes, clocks and stores,
// and compares all that can be seen of them after each scrape.
func TestPlanChangesNothing(t *testing.T) {
	from, to := uint64(1), *seedCount
	if *seedFlag != 0 {
		from, to = *seedFlag, *seedFlag
	}
	var answered, asked atomic.Int64
	t.Run("seeds", func(t *testing.T) { // which ends when all of them have
		for seed := from; seed <= to; seed++ {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel() // most of the time disks are waited for
				synctest.Test(t, func(t *testing.T) {
					p := newPair(t, seed)
					p.play()
					answered.Add(int64(p.answered))
					asked.Add(int64(p.asked))
				})
				if t.Failed() {
					t.Logf("to see it alone: go test ./engine -run PlanChanges -seed %d", seed)
				}
			})
		}
	})
	t.Logf("%d of %d expressions were answered by the plan", answered.Load(), asked.Load())
	if !t.Failed() && answered.Load() < asked.Load()/2 {
		t.Errorf("only %d of %d expressions were answered by the plan, and compared", answered.Load(), asked.Load())
	}
}

// pair is the two processes, and what happens to both.
type pair struct {
	*rand.Rand
	t       *testing.T
	planned *twin
	stock   *twin
	content string
	at      time.Time
	stepped time.Duration
	pens    map[string]float64 // the counters
	born    int                // series of churn
	away    bool               // the disk
	history []string           // what has happened

	asked, answered float64
}

const pairTurns = 70

func newPair(t *testing.T, seed uint64) *pair {
	p := &pair{Rand: rand.New(rand.NewPCG(seed, 11)), t: t, at: t0, pens: map[string]float64{}}
	p.planned, p.stock = newTwin(t, true), newTwin(t, false)
	p.content = p.rules()
	p.both(func(w *twin) { w.begin(p.content, p.at) })
	return p
}

func (p *pair) both(do func(*twin)) { do(p.planned); do(p.stock) }

func (p *pair) play() {
	p.t.Helper()
	for turn := range pairTurns {
		p.happens()
		tick := Tick{At: p.at, Up: p.IntN(15) > 0, Stepped: p.stepped}
		tick.Restoring = tick.Up && p.IntN(40) == 0
		scraped := p.scrape(tick.Up)
		late := p.late()
		half := p.IntN(len(scraped))
		p.both(func(w *twin) {
			w.write(scraped[:half])
			w.write(scraped[half:])
		})
		synctest.Wait() // what is compacted is so for both
		p.both(func(w *twin) { w.Replay(p.t.Context(), tick) })
		if diff := cmp.Diff(p.stock.look(p.at), p.planned.look(p.at)); diff != "" {
			p.t.Fatalf("turn %d differs (-stock +plan) after %s:\n%s\nrules:\n%s", turn, strings.Join(p.history, ", "), diff, p.content)
		}
		if turn < pairTurns-1 {
			p.both(func(w *twin) { w.write(late) })
		}
		p.at = p.at.Add(step15 + time.Duration(max(0, p.IntN(20)-17))*50*time.Millisecond)
		time.Sleep(step15)
		synctest.Wait() // upkeep of the stores has had its turn
	}
	p.count()
}

// count adds what the planned process has evaluated.
func (p *pair) count() {
	plan, engine := p.planned.evaluations()
	p.answered, p.asked = p.answered+plan, p.asked+plan+engine
}

// rules is a random rule file.
func (p *pair) rules() string {
	say := randomrules.New(p.Rand)
	return say.Rules(randomrules.Form{
		Groups: 4, Rules: 6,
		Group: [][]string{
			{"interval: 15s", "interval: 15s", "interval: 30s", "interval: 20s"},
			{"query_offset: 0s", "query_offset: 0s", "query_offset: 15s", "query_offset: 1m"},
			{"limit: 0", "limit: 0", "limit: 0", "limit: 5"},
			{"labels: {team: t1}", "labels: {}"},
		},
		Expr: func() string {
			for {
				expr := say.Vector(1 + p.IntN(3))
				if p.IntN(3) == 0 {
					expr = pairExprs[p.IntN(len(pairExprs))]
				}
				if e, err := parser.NewParser(parser.Options{}).ParseExpr(expr); err == nil && e.Type() == parser.ValueTypeVector && steady(e) {
					return expr
				}
			}
		},
		Labels: []string{
			`val: "{{ $value }}"`, `b: ""`, `t: "{{ $labels.i }}"`, `bad: "{{ $labels.i | toDuration }}"`,
			`q: '{{ with query "count(gauge)" }}{{ . | first | value }}{{ end }}'`,
		},
		Annotations: []string{"{{ $value }} of {{ $labels }}", "{{ range query \"steps\" }}{{ .Labels.i }}{{ .Value }}{{ end }}"},
		For:         []string{"0s", "0s", "15s", "40s", "2m"}, Keep: []string{"0s", "0s", "30s", "1m"},
	})
}

// pairExprs read what rules write, and what tells of the scrape.
var pairExprs = []string{
	"ALERTS{alertstate=\"firing\"}", "count by (alertstate) (ALERTS)", "ALERTS_FOR_STATE > 0", "rec", "rec > 2", "sum(rec)", "up == 0", "absent(up)",
	"rate(rec[1m])", "count_over_time(up[2m]) < 7", "sum by (alertname) (ALERTS)", "max_over_time(ALERTS[2m])", "absent(ALERTS)", "avg_over_time(rec[5m])",
	"up * on () group_right () gauge", "vector(time()) % 45 < 30", "{__name__=~\"rec|ALERTS\"}", "count({__name__=~\".+\"})", "increase(a_total[2h])",
	"topk(2, gauge)", "histogram_quantile(0.9, rate(lat_bucket[1m]))", "nh", "histogram_count(nh) > 12", "sum by (g) (rate(b_total[1h]))",
}

// steady tells whether promql gives the same each time: what passes through a map is
// summed in any order.
func steady(e parser.Expr) bool {
	ok := true
	parser.Inspect(e, func(n parser.Node, above []parser.Node) error {
		switch n := n.(type) {
		case *parser.Call:
			ok = ok && (n.Func.Name != "histogram_quantile" || len(above) == 0)
		case *parser.AggregateExpr:
			ok = ok && (n.Op != parser.COUNT_VALUES || len(above) == 0)
		}
		return nil
	})
	return ok
}

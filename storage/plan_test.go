package storage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/engine/plan"
)

// TestPlanOverExchanges: the plan, which keeps recent samples of its own, says what
// storage says, whatever becomes of the TSDB beneath.
func TestPlanOverExchanges(t *testing.T) {
	asked, answered := 0, 0
	done := map[string]int{}
	for seed := range uint64(6) {
		c := newCopyist(t, seed)
		c.run(60, done)
		asked, answered = asked+c.asked, answered+c.answered
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d of %d evaluations answered by the plan; %v", answered, asked, done)
	if answered < asked*2/3 || len(done) < 9 {
		t.Errorf("%d of %d evaluations were answered by the plan, over %v: too few", answered, asked, done)
	}
}

// copyist writes to a store through a plan.
type copyist struct {
	t     *testing.T
	rnd   *rand.Rand
	store *Store
	plan  *plan.Plan
	rules []*plan.Rule
	exprs []string
	stock *promql.Engine
	at    time.Time
	hours int
	open  []storage.AppenderV2 // transactions that are under way

	asked, answered int
}

func newCopyist(t *testing.T, seed uint64) *copyist {
	c := &copyist{
		t: t, rnd: rand.New(rand.NewPCG(seed, 3)), at: t0,
		exprs: []string{"a", "sum(a)", "count_over_time(a[5m])", "rate(a[10m])", "absent_over_time(a[2m] offset 3m)", "a offset 4m", "count_over_time(a[1h])"},
		stock: promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute}),
	}
	dir := filepath.Join(t.TempDir(), "data")
	c.store = New(Options{Dir: dir, RetentionTime: 3 * time.Hour, BlockDuration: 20 * time.Minute})
	if err := c.store.OpenOrFallBack(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.end() // or the store would wait for them
		c.store.Close(context.Background())
	})
	// The stages keep their plan over restarts of a store, so this one asks for whatever is there.
	c.plan = plan.New(plan.Options{Queryable: c, Appendable: c, Extent: func(mint, maxt int64) (uint64, int64, bool) { return c.store.Extent(mint, maxt) }})
	var qs []plan.Query
	for _, e := range c.exprs {
		qs = append(qs, plan.Query{Expr: e})
	}
	c.rules = c.plan.Load(qs)
	return c
}

func (c *copyist) AppenderV2(ctx context.Context) storage.AppenderV2 { return c.store.AppenderV2(ctx) }

func (c *copyist) Querier(mint, maxt int64) (storage.Querier, error) {
	return c.store.Querier(mint, maxt)
}

// run lets n scrapes pass, with an incident before every third.
func (c *copyist) run(n int, done map[string]int) {
	log := ""
	for i := range n {
		if c.rnd.IntN(3) == 0 {
			what := c.incident()
			done[what]++
			log += fmt.Sprintf("%s before %d; ", what, i)
		}
		app := c.begin()
		switch c.rnd.IntN(6) {
		case 0: // an evaluation that takes its time
			c.open = append(c.open, app)
		case 1:
			_ = app.Rollback()
		default:
			_ = app.Commit()
		}
		if len(c.open) > 0 && c.rnd.IntN(2) == 0 {
			c.end()
		}
		c.compare()
		if c.t.Failed() {
			c.t.Fatalf("after scrape %d: %s", i, log)
		}
		c.at = c.at.Add(15 * time.Second)
	}
	c.end()
}

// begin starts a transaction with a scrape.
func (c *copyist) begin() storage.AppenderV2 {
	app := c.plan.AppenderV2(c.t.Context())
	for i := range 5 {
		if c.rnd.IntN(10) == 0 {
			continue
		}
		ls := labels.FromStrings(labels.MetricName, "a", "i", fmt.Sprint(i+c.rnd.IntN(2)*10))
		_, _ = app.Append(0, ls, 0, c.at.UnixMilli(), float64(c.rnd.IntN(5)), nil, nil, storage.AOptions{})
	}
	return app
}

// end ends the transactions that are under way.
func (c *copyist) end() {
	for _, app := range c.open {
		_ = app.Commit()
	}
	c.open = nil
}

// incident is what becomes of the store. Transactions under way end before most: the
// store would wait for them.
func (c *copyist) incident() string {
	what := c.rnd.IntN(10)
	if what > 2 {
		c.end()
	}
	switch what {
	case 0:
		c.at = c.at.Add(time.Duration(c.rnd.IntN(20)) * time.Minute)
		return "a gap"
	case 1:
		c.at = c.at.Add(2 * time.Hour)
		return "a long gap"
	case 2:
		c.at = c.at.Add(-time.Duration(c.rnd.IntN(60)) * time.Second)
		return "a small step back"
	case 3, 4:
		if c.store.Degraded() {
			c.later()
			return "a return to the disk"
		}
		c.store.life.Lock()
		defer c.store.life.Unlock()
		if err := c.store.fallBack(errors.New("input/output error")); err != nil {
			c.t.Fatal(err)
		}
		return "a disk that fails"
	case 5:
		c.later()
		return "upkeep"
	case 6:
		c.at = c.at.Add(-time.Duration(1+c.rnd.IntN(30)) * time.Minute)
		if err := c.store.CutOver(c.at.Add(-time.Millisecond)); err != nil {
			c.t.Fatal(err)
		}
		return "a clock that is set back"
	case 7:
		if err := c.store.Compact(c.t.Context()); err != nil && !c.store.Degraded() {
			c.t.Fatal(err)
		}
		return "a pause"
	case 8:
		if c.store.Degraded() {
			return "nothing"
		}
		opts := c.store.opts
		opts.Registerer = nil
		if err := c.store.Close(context.Background()); err != nil {
			c.t.Fatal(err)
		}
		generation := c.store.generation
		c.store = New(opts)
		c.store.generation = generation // another process would have another plan
		if err := c.store.OpenOrFallBack(); err != nil {
			c.t.Fatal(err)
		}
		return "a restart"
	default:
		c.rules = c.plan.Load(c.queries())
		return "a reload"
	}
}

func (c *copyist) queries() (qs []plan.Query) {
	c.rnd.Shuffle(len(c.exprs), func(i, j int) { c.exprs[i], c.exprs[j] = c.exprs[j], c.exprs[i] })
	for _, e := range c.exprs {
		qs = append(qs, plan.Query{Expr: e})
	}
	return qs
}

// later is a round of upkeep: blocks are written and deleted, the disk is tried again.
func (c *copyist) later() {
	c.hours++
	c.store.tend(c.t.Context(), time.Now().Add(time.Duration(c.hours)*time.Hour))
}

// compare evaluates every rule in both ways.
func (c *copyist) compare() {
	c.t.Helper()
	for i, r := range c.rules {
		c.asked++
		got, ok := r.Vector(c.t.Context(), c.at)
		if !ok {
			continue
		}
		c.answered++
		q, err := c.stock.NewInstantQuery(c.t.Context(), c, nil, c.exprs[i], c.at)
		if err != nil {
			c.t.Fatal(err)
		}
		res := q.Exec(c.t.Context())
		want, err := res.Vector()
		if err != nil || !slices.EqualFunc(got, want, func(a, b promql.Sample) bool {
			return math.Float64bits(a.F) == math.Float64bits(b.F) && labels.Equal(a.Metric, b.Metric)
		}) {
			c.t.Errorf("%s at %v:\nplan   %v\nengine %v, %v", c.exprs[i], c.at.Sub(t0), got, want, err)
		}
		q.Close()
	}
}

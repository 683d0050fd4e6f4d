package engine

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine/plan"
	"github.com/tocsin/tocsin/rules"
)

// TestSlots: no more at once than there are slots, but who keeps one for long does
// not keep the others waiting, and gives back no more than it took.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := make(slots, 2)
		start := time.Now()
		a, b := s.enter(t.Context()), s.enter(t.Context())
		a()
		c := s.enter(t.Context())
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %s for a slot that was free", waited)
		}
		d := s.enter(t.Context()) // b and c hang
		if waited := time.Since(start); waited != slotPatience {
			t.Errorf("waited %s for those that hang, want %s", waited, slotPatience)
		}
		b()
		c()
		c()
		d()
		if len(s) != 0 {
			t.Errorf("%d slots are taken when all have left", len(s))
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		s.enter(t.Context())
		s.enter(t.Context())
		s.enter(over)() // does not wait
		time.Sleep(time.Hour)
		if len(s) != 0 {
			t.Errorf("%d slots are taken by those that never leave", len(s))
		}
	})
}

// hanging is storage that answers no query until it is cut off.
type hanging struct{ storage.Storage }

func (h hanging) Querier(int64, int64) (storage.Querier, error) { return hangingQuerier{}, nil }

type hangingQuerier struct{ storage.Querier }

func (hangingQuerier) Select(ctx context.Context, _ bool, _ *storage.SelectHints, _ ...*labels.Matcher) storage.SeriesSet {
	<-ctx.Done()
	return storage.ErrSeriesSet(ctx.Err())
}

func (hangingQuerier) Close() error { return nil }

// TestHangingGroupsHoldUpNoOthers: however many rules hang, the other groups are
// evaluated, and the cycle is as long as the last of all.
func TestHangingGroupsHoldUpNoOthers(t *testing.T) {
	db := teststorage.New(t)
	synctest.Test(t, func(t *testing.T) {
		n := 3 * runtime.GOMAXPROCS(0)
		var b strings.Builder
		b.WriteString("groups:\n")
		for i := range n {
			fmt.Fprintf(&b, "- {name: hangs%d, rules: [{alert: H, expr: x > 0}]}\n", i)
		}
		b.WriteString("- {name: fine, rules: [{alert: Fine, expr: vector(1)}]}\n")
		sent := make(chan time.Time, 1)
		e := New(Options{
			Queryable: hanging{db}, Appendable: db, Interval: step15,
			Notify: func([]alert.Notification) { sent <- time.Now() },
		})
		e.Load(rules.Parse("rules.yml", []byte(b.String())).Groups, true)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- e.Run(ctx) }()
		synctest.Wait()
		start := time.Now()
		e.Tick(Tick{At: start, Up: true})
		if waited := (<-sent).Sub(start); waited > 3*slotPatience {
			t.Errorf("Fine waited %s for those that hang, want %s at most", waited, 3*slotPatience)
		}
		time.Sleep(step15 + 4*slotPatience)
		if got := testutil.ToFloat64(e.metrics.cycle); got < step15.Seconds() {
			t.Errorf("the cycle took %v s, want the %s after which rules are stopped at least", got, step15)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// crowd is storage whose queries take their time, and counts those at once.
type crowd struct {
	storage.Storage
	*crowdCount
}

type crowdCount struct {
	mu              sync.Mutex
	now, most, asks int // guarded by mu
}

func (c crowd) Querier(int64, int64) (storage.Querier, error) {
	return crowdQuerier{crowdCount: c.crowdCount}, nil
}

type crowdQuerier struct {
	storage.Querier
	*crowdCount
}

func (c crowdQuerier) Select(context.Context, bool, *storage.SelectHints, ...*labels.Matcher) storage.SeriesSet {
	c.count(1)
	time.Sleep(slotPatience / 2)
	c.count(-1)
	return storage.EmptySeriesSet()
}

func (c *crowdCount) count(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += n
	c.most, c.asks = max(c.most, c.now), c.asks+max(n, 0)
}

func (crowdQuerier) Close() error { return nil }

// TestFallbacksAreFew: when the window of the plan cannot be filled in time, and all
// groups have waited for it, they do not ask the query engine all at once.
func TestFallbacksAreFew(t *testing.T) {
	db := teststorage.New(t)
	synctest.Test(t, func(t *testing.T) {
		n := 8 * runtime.GOMAXPROCS(0)
		var b strings.Builder
		b.WriteString("groups:\n")
		for i := range n {
			fmt.Fprintf(&b, "- {name: g%d, rules: [{alert: A, expr: x > 0}]}\n", i)
		}
		opts := planOptions(t, db)
		opts.Queryable = hanging{db}
		asked := &crowdCount{}
		e := New(Options{Queryable: crowd{db, asked}, Appendable: db, Plan: plan.New(opts), Interval: step15})
		e.Load(rules.Parse("rules.yml", []byte(b.String())).Groups, true)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- e.Run(ctx) }()
		synctest.Wait()
		e.Tick(Tick{At: time.Now(), Up: true})
		time.Sleep(step15)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if asked.asks != n || asked.most > runtime.GOMAXPROCS(0) {
			t.Errorf("%d queries, %d of them at once; want %d, %d at once", asked.asks, asked.most, n, runtime.GOMAXPROCS(0))
		}
	})
}

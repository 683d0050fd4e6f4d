package plan

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// t0 is where the time of the tests begins: a block of two hours does too.
var t0 = time.UnixMilli(1_795_219_200_000)

// world is a plan over a TSDB, and the engine that it is compared with.
type world struct {
	*Plan
	t          *testing.T
	db         *tsdb.DB
	engine     *promql.Engine
	generation uint64
	retain     int64 // blocks that end before this time are deleted
	answered   int   // evaluations that the plan answered
}

func newEngine(maxSamples int) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		MaxSamples: maxSamples, Timeout: time.Minute, LookbackDelta: DefaultLookback,
		EnableAtModifier: true, EnableNegativeOffset: true,
		NoStepSubqueryIntervalFn: func(int64) int64 { return 15_000 },
		Parser:                   parser.NewParser(parser.Options{EnableExperimentalFunctions: true}),
	})
}

func newWorld(t *testing.T, change func(*Options)) *world {
	t.Helper()
	w := &world{t: t, retain: math.MinInt64}
	w.open(tempDir(t))
	opts := Options{
		Queryable: forward{w}, Appendable: forward{w}, Extent: w.extent,
		Parser: parser.NewParser(parser.Options{EnableExperimentalFunctions: true}),
	}
	if change != nil {
		change(&opts)
	}
	if opts.MaxSamples == 0 {
		opts.MaxSamples = DefaultMaxSamples
	}
	w.engine = newEngine(opts.MaxSamples)
	w.Plan = New(opts)
	return w
}

// tempDir is in memory where there is a file system for that: syncing files takes
// longer than all else.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "plan-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// open opens storage, with as little as a TSDB can do with.
func (w *world) open(dir string) {
	w.t.Helper()
	opts := tsdb.DefaultOptions()
	opts.MinBlockDuration = (24 * time.Hour).Milliseconds() // so that samples may come in any order of series
	opts.MaxBlockDuration, opts.RetentionDuration = opts.MinBlockDuration, 0
	opts.StripeSize, opts.WALSegmentSize, opts.MaxBlockChunkSegmentSize = 64, 1<<20, 1<<20
	opts.BlocksToDelete = func(blocks []*tsdb.Block) map[ulid.ULID]struct{} {
		gone := map[ulid.ULID]struct{}{}
		for _, b := range blocks {
			if b.MaxTime() <= w.retain {
				gone[b.Meta().ULID] = struct{}{}
			}
		}
		return gone
	}
	db, err := tsdb.Open(dir, nil, nil, opts, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = db.Close() })
	w.db = db
}

// forward passes on to the storage that is open now.
type forward struct{ w *world }

func (f forward) AppenderV2(ctx context.Context) storage.AppenderV2 { return f.w.db.AppenderV2(ctx) }

func (f forward) Querier(mint, maxt int64) (storage.Querier, error) {
	return f.w.db.Querier(mint, maxt)
}

func (w *world) extent(mint, maxt int64) (generation uint64, oldest int64, blocks bool) {
	for _, b := range w.db.Blocks() {
		blocks = blocks || b.OverlapsClosedInterval(mint, maxt)
	}
	oldest, err := w.db.StartTime()
	if err != nil {
		w.t.Fatal(err)
	}
	return w.generation, oldest, blocks
}

// sampleOf is what is written in one go.
type sampleOf struct {
	labels labels.Labels
	at     time.Time
	v      float64
	h      *histogram.Histogram
}

// write stores samples in one transaction, through the plan; storage may refuse
// some.
func (w *world) write(samples ...sampleOf) {
	w.t.Helper()
	app := w.AppenderV2(w.t.Context())
	for _, s := range samples {
		_, _ = app.Append(0, s.labels, 0, s.at.UnixMilli(), s.v, s.h, nil, storage.AOptions{})
	}
	if err := app.Commit(); err != nil {
		w.t.Fatal(err)
	}
}

// put is write for samples as text: "name{labels} value", stale for a marker.
func (w *world) put(at time.Time, samples ...string) {
	w.t.Helper()
	var all []sampleOf
	for _, text := range samples {
		i := strings.LastIndex(text, " ")
		ls, err := parser.NewParser(parser.Options{}).ParseMetric(text[:i])
		if err != nil {
			w.t.Fatal(err)
		}
		s := sampleOf{labels: ls, at: at, v: math.Float64frombits(value.StaleNaN)}
		if text[i+1:] != "stale" {
			if _, err := fmt.Sscan(text[i+1:], &s.v); err != nil {
				w.t.Fatal(err)
			}
		}
		all = append(all, s)
	}
	w.write(all...)
}

// rules loads expressions.
func (w *world) rules(exprs ...string) []*Rule {
	qs := make([]Query, len(exprs))
	for i, e := range exprs {
		qs[i].Expr = e
	}
	return w.Load(qs)
}

// stock is what the engine says.
func (w *world) stock(expr string, at time.Time) (promql.Vector, error) {
	q, err := w.engine.NewInstantQuery(w.t.Context(), w.db, nil, expr, at)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	res := q.Exec(w.t.Context())
	if res.Err != nil {
		return nil, res.Err
	}
	switch v := res.Value.(type) {
	case promql.Vector:
		vec := slices.Clone(v)
		for i, s := range vec {
			if s.H != nil {
				vec[i].H = s.H.Copy()
			}
		}
		return vec, nil
	case promql.Scalar:
		return promql.Vector{{T: v.T, F: v.V}}, nil
	}
	return nil, fmt.Errorf("a rule gives no %s", res.Value.Type())
}

// compare evaluates a rule in both ways. It is false if the plan did not answer.
func (w *world) compare(r *Rule, at time.Time) bool {
	w.t.Helper()
	got, ok := r.Vector(w.t.Context(), at)
	if !ok {
		return false
	}
	w.answered++
	want, err := w.stock(r.query.Expr, at)
	if err == nil && equal(got, want, true) || w.unstable(r.query.Expr, at) {
		return true
	}
	w.t.Errorf("%s at %v:\nplan   %v\nengine %v, %v", r.query.Expr, at.Sub(t0), describe(got), describe(want), err)
	return true
}

// unstable tells whether the engine does not agree with itself: some functions go
// through a map, and what is summed above them comes in another order each time.
func (w *world) unstable(expr string, at time.Time) bool {
	w.t.Helper()
	first, err := w.stock(expr, at)
	for range 100 {
		next, nextErr := w.stock(expr, at)
		if (err == nil) != (nextErr == nil) || !equal(first, next, true) {
			return true
		}
	}
	return false
}

func describe(vec promql.Vector) []string {
	var out []string
	for _, s := range vec {
		out = append(out, fmt.Sprintf("%s %016x (%v) %v", s.Metric, math.Float64bits(s.F), s.F, s.H))
	}
	return out
}

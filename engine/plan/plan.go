package plan

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

// Defaults where an option is zero.
const (
	DefaultLookback   = 5 * time.Minute
	DefaultMaxReach   = 3 * time.Hour
	DefaultMaxPoints  = 16 << 20
	DefaultMaxSamples = 5_000_000
)

// Options are what the plan reads from and writes to, and its limits.
type Options struct {
	Queryable  storage.Queryable
	Appendable storage.AppendableV2
	// Extent tells of the storage behind the two: a number that changes whenever
	// it was opened anew or something was taken out of it, the time of its oldest
	// sample, and whether a block has samples from mint to maxt, all in milliseconds.
	Extent func(mint, maxt int64) (generation uint64, oldest int64, blocks bool)
	// Lookback, MaxSamples and Parser are those of the promql.Engine that the plan
	// stands in for.
	Lookback   time.Duration
	MaxSamples int
	Parser     parser.Parser
	// MaxReach is how far back an expression may look, MaxPoints how many samples
	// of 16 bytes the window may hold. Beyond either, the engine is asked.
	MaxReach  time.Duration
	MaxPoints int
	// Unshared gives each rule its own nodes: to measure what sharing brings.
	Unshared   bool
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Plan is the compiled rules and the window that they read. It implements
// storage.AppendableV2. It may be used from any goroutine.
type Plan struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics
	batches sync.Pool // of *[]sample

	// commits is held while a transaction commits and becomes visible, and while
	// the window is filled: what is read from storage then is all that there is.
	commits sync.Mutex

	mu     sync.Mutex                       // taken after commits
	window *window                          // guarded by mu; nil until Load
	graphs [orders]map[time.Duration]*graph // guarded by mu, by the offset of the groups
	rules  []*Rule                          // guarded by mu
	// slack is how much before the reach of the first rule samples are read: others
	// may be evaluated at earlier times. Guarded by mu.
	slack  time.Duration
	filled bool  // guarded by mu: the window holds what storage has
	retry  int64 // guarded by mu: filling has failed, not again before this time
	// ceiling is how far back, in milliseconds, there was time to read; guarded by mu.
	ceiling int64
	// generation and oldest are those of the storage from which it was filled.
	generation uint64
	oldest     int64
}

var _ storage.AppendableV2 = (*Plan)(nil)

// New makes a plan without rules.
func New(opts Options) *Plan {
	if opts.Lookback == 0 {
		opts.Lookback = DefaultLookback
	}
	if opts.MaxReach == 0 {
		opts.MaxReach = DefaultMaxReach
	}
	if opts.MaxPoints == 0 {
		opts.MaxPoints = DefaultMaxPoints
	}
	if opts.MaxSamples == 0 {
		opts.MaxSamples = DefaultMaxSamples
	}
	if opts.Parser == nil {
		opts.Parser = parser.NewParser(parser.Options{})
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Registerer == nil {
		opts.Registerer = prometheus.NewRegistry()
	}
	p := &Plan{opts: opts, log: opts.Logger.With("component", "plan")}
	p.metrics = newMetrics(opts.Registerer, p)
	return p
}

// Query is the expression of one rule.
type Query struct {
	Expr string
	// Offset is the query offset of its group: rules of different offsets are never
	// evaluated at the same time.
	Offset time.Duration
}

// Rule is one expression in the plan.
type Rule struct {
	plan  *Plan
	query Query
	expr  parser.Expr
	// from and to are how far before the evaluation, in milliseconds, it reads.
	from, to int64
	// All below is guarded by the plan's mutex.
	roots [orders]*root
	never bool // it cannot be compiled, or was found to differ
}

// Load replaces the rules by those of these queries, which it returns in the same
// order. The window begins anew, filled from storage with the first evaluation; the
// rules of before give no more answers.
func (p *Plan) Load(queries []Query) []*Rule {
	p.commits.Lock()
	defer p.commits.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.window, p.filled, p.retry, p.ceiling = newWindow(), false, never, math.MaxInt64
	for _, r := range p.rules {
		r.never = true
	}
	for o := range p.graphs {
		p.graphs[o] = map[time.Duration]*graph{}
	}
	p.slack = slackOf(queries)
	p.rules = make([]*Rule, len(queries))
	for i, q := range queries {
		p.rules[i] = p.add(q)
	}
	return p.rules
}

// evaluationDelay is how much later than the newest sample is stored an evaluation
// may come, and still find in the window what it needs.
const evaluationDelay = 2 * time.Minute

// slackOf is how much earlier than one rule another may be evaluated.
func slackOf(queries []Query) time.Duration {
	var most time.Duration
	for _, q := range queries {
		most = max(most, q.Offset)
	}
	return most + evaluationDelay
}

// add compiles a rule in the order that most evaluations need; the other is
// compiled when it is needed.
func (p *Plan) add(q Query) *Rule {
	r := &Rule{plan: p, query: q}
	expr, err := p.opts.Parser.ParseExpr(q.Expr)
	if err != nil {
		r.never = true
		return r
	}
	r.expr = expr
	r.from, r.to = stretch(expr, p.opts.Lookback)
	c := compiler{plan: p, order: byReference, offset: q.Offset}
	r.roots[byReference] = c.root(expr)
	r.never = r.roots[byReference] == nil
	return r
}

// Invalidate says that storage may have changed under the plan: the window is
// filled again before it gives an answer. It may be called at any time.
func (p *Plan) Invalidate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.filled = false
}

// Vector evaluates the rule at a moment. It is false where promql.Engine has to be
// asked: for errors too, so that it is the one to tell them.
func (r *Rule) Vector(ctx context.Context, at time.Time) (promql.Vector, bool) {
	vec, _, ok := r.evaluate(ctx, at, true)
	if ok {
		r.plan.metrics.byPlan.Inc()
	} else {
		r.plan.metrics.byEngine.Inc()
	}
	return vec, ok
}

// evaluate gives the version of the window beside the result. It reads storage only
// if it may.
func (r *Rule) evaluate(ctx context.Context, at time.Time, mayFill bool) (vec promql.Vector, version uint64, ok bool) {
	p := r.plan
	ts := at.UnixMilli()
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() {
		if fault := recover(); fault != nil {
			r.never, ok = true, false
			p.fault(fault, r.query.Expr)
		}
	}()
	if r.never || ctx.Err() != nil {
		return nil, 0, false
	}
	generation, oldest, blocks := p.opts.Extent(ts-r.from, ts-r.to)
	if !p.filled || generation != p.generation || len(p.window.broken) > 0 || p.crowded() {
		if !mayFill || !p.fill(ctx, ts) {
			return nil, 0, false
		}
		if generation, oldest, blocks = p.opts.Extent(ts-r.from, ts-r.to); generation != p.generation {
			return nil, 0, false
		}
	}
	p.window.sweep()
	p.oldest = min(p.oldest, oldest)
	if ts-r.from <= p.window.since || oldest > p.oldest && ts-r.from < oldest {
		return nil, 0, false // one of the two has forgotten what the other remembers
	}
	order := byReference
	if blocks {
		order = byLabels
	}
	root := r.root(order)
	if root == nil {
		return nil, 0, false
	}
	t := turn{at: ts, version: p.window.version, lookback: p.opts.Lookback.Milliseconds(), limit: p.window.limit}
	vec, ok = root.vector(&t, p.opts.MaxSamples)
	return vec, p.window.version, ok && ctx.Err() == nil
}

// fault is for a panic, which is a fault of ours: alerting goes on over storage, from
// which the window is filled anew. Called with mu held.
func (p *Plan) fault(fault any, doing string) {
	p.filled = false
	p.metrics.mismatches.Inc()
	p.log.Error("the plan has a fault, the query engine goes on: please report this", "in", doing, "err", fault, "stack", string(debug.Stack()))
}

// root compiles the rule for an order when it is first needed.
func (r *Rule) root(o order) *root {
	if r.roots[o] == nil {
		c := compiler{plan: r.plan, order: o, offset: r.query.Offset}
		r.roots[o] = c.root(r.expr)
	}
	return r.roots[o]
}

// root is the node or scalar of a whole expression.
type root struct {
	node   *node
	scalar scalar
}

// samplesPerResult is more than the samples that promql.Engine counts for each
// result of each node: those of its operands, once again where it gathers them,
// and the result.
const samplesPerResult = 4

func (r *root) vector(t *turn, maxSamples int) (promql.Vector, bool) {
	if r.scalar != nil {
		v, weight, ok := r.scalar.scalar(t)
		return promql.Vector{{T: t.at, F: v, Metric: labels.EmptyLabels()}}, ok && weight*samplesPerResult < maxSamples
	}
	c, ok := r.node.vector(t)
	if !ok || c.weight*samplesPerResult >= maxSamples {
		return nil, false
	}
	if len(c.index) == 0 {
		return nil, true
	}
	vec := make(promql.Vector, len(c.index))
	for k, i := range c.index {
		vec[k] = promql.Sample{Metric: c.labels.out(i), T: t.at, F: c.values[k]}
	}
	return vec, true
}

// errNoReferences: the storage is not a TSDB.
var errNoReferences = errors.New("storage tells no references of series")

package plan

import (
	"log/slog"
	"math"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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

	// commits is held while a transaction commits and becomes visible: for who has
	// it, window and storage agree.
	commits sync.Mutex

	mu     sync.Mutex                       // taken after commits
	window *window                          // guarded by mu; nil until Load
	graphs [orders]map[time.Duration]*graph // guarded by mu, by the offset of the groups
	rules  []*Rule                          // guarded by mu
	used   [orders]bool                     // guarded by mu: since the last sweep
	times  times                            // guarded by mu
	// slack is how much before the reach of the first rule samples are read: others
	// may be evaluated at earlier times. Guarded by mu.
	slack   time.Duration
	filled  bool     // guarded by mu: the window holds what storage has
	filling *filling // guarded by mu: under way; nil if none is
	retry   int64    // guarded by mu: filling has failed, not again before this time
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

// Load replaces the rules by those of these queries, which it returns in the same
// order. The window begins anew, filled from storage with the first evaluation; the
// rules of before give no more answers.
func (p *Plan) Load(queries []Query) []*Rule {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.window, p.filled, p.filling, p.retry, p.ceiling = newWindow(), false, nil, never, math.MaxInt64
	for _, r := range p.rules {
		r.never, r.roots = true, [orders]*root{} // who still has it keeps no samples
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
	if r.never = !p.compiles(expr, q.Offset); !r.never {
		c := compiler{plan: p, order: byReference, offset: q.Offset}
		r.roots[byReference] = c.root(expr)
	}
	return r
}

// compiles tries it on a plan of its own: of what cannot be compiled no part is read
// into the window.
func (p *Plan) compiles(expr parser.Expr, offset time.Duration) bool {
	c := compiler{plan: &Plan{opts: p.opts, window: newWindow()}, order: byReference, offset: offset}
	c.plan.graphs[byReference] = map[time.Duration]*graph{}
	return c.root(expr) != nil
}

// Invalidate says that storage may have changed under the plan: the window is
// filled again before it gives an answer. It may be called at any time.
func (p *Plan) Invalidate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doubt()
}

// doubt is Invalidate, called with mu held.
func (p *Plan) doubt() {
	p.filled = false
	if p.filling != nil {
		p.filling.void = true
	}
}

// tidy drops the graph of an order that was not needed since the last sweep: after a
// restart, say, that of labels is needed for as long as rules read blocks. What there
// was no room or no time for is tried again. Called with mu held.
func (p *Plan) tidy() {
	for o := range orders {
		if !p.used[o] {
			p.graphs[o] = map[time.Duration]*graph{}
			for _, r := range p.rules {
				r.roots[o] = nil
			}
			for _, s := range p.window.selectors {
				s.rosters[o] = roster{}
			}
		}
		p.used[o] = false
	}
	if p.window.limit < math.MaxInt64 {
		p.filled, p.ceiling = false, math.MaxInt64
	}
}

// fault is for a panic, which is a fault of ours: alerting goes on over storage, from
// which the window is filled anew. Called with mu held.
func (p *Plan) fault(fault any, doing string) {
	p.doubt()
	p.metrics.mismatches.Inc()
	p.log.Error("the plan has a fault, the query engine goes on: please report this", "in", doing, "err", fault, "stack", string(debug.Stack()))
}

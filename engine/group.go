package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine/plan"
	"github.com/tocsin/tocsin/rules"
)

// minRuleTimeout is what a rule may take in a group of a very short interval.
const minRuleTimeout = 5 * time.Second

// group evaluates its rules one after the other. All of it is owned by the
// goroutine in run, and while that does not run by the engine's Run and Pause.
type group struct {
	rules.Group
	engine   *Engine
	interval time.Duration
	offset   time.Duration
	rules    []rule
	log      *slog.Logger

	last   time.Time // timestamp of the last evaluation; zero before the first
	asOf   time.Time // when the state of the alerts was current: last, or of the process before
	paused bool      // the next evaluation is the first after a pause
	// stepped and slept are what of Tick's this group has followed.
	stepped, slept time.Duration
	resaved        uint64 // the last of the engine's resaves that it has followed
	// orphans are series of rules that are gone, to be marked stale.
	orphans seriesSet
	batch   batch

	// unchecked evaluations since one was repeated, and which rule is the next.
	unchecked, toCheck int

	metrics  groupMetrics
	history  history       // for readers too
	insights []ruleInsight // for readers too: it does not change

	ticks  chan Tick                   // one slot: the newest
	status atomic.Pointer[GroupStatus] // for readers
}

// rule is what a group evaluates.
type rule interface {
	// eval gives what is to be stored. With an error there may be points too:
	// those of alerts that stay as they are.
	eval(ctx context.Context, in input) ([]point, error)
	base() *ruleBase
}

// input is what an evaluation goes by.
type input struct {
	// ts is the evaluation's timestamp, at is ts less the query offset.
	ts, at time.Time
	limit  int
	// fresh is false when the last scrape failed, blind when what it brought
	// means nothing yet.
	fresh, blind bool
	// coverage is when the target of the ticks was seen, ticked when anything was looked
	// at; both as far as storage has samples.
	coverage, ticked coverage
	// heard is how many troubles of other targets had ended when it began, watched for
	// how long the engine had looked by then, holdLimit how long it waits for a target.
	heard              uint64
	watched, holdLimit time.Duration
}

// ruleBase is what both kinds of rules have.
type ruleBase struct {
	rule     *rules.Rule
	id       alert.RuleID
	health   Health
	lastErr  string
	last     time.Time
	duration time.Duration
	// written are the series of the last evaluation.
	written seriesSet
	// after is the last rule before it in its group that must be in storage before it
	// is evaluated; -1 if there is none. It is set by trace.
	after   int
	ahead   *ahead     // nil where each evaluation is on its own
	planned *plan.Rule // nil where there is no plan
	// returned is how many elements the evaluation under way has found, byPlan who did;
	// asked is false where nobody was.
	returned      int
	byPlan, asked bool
}

func (b *ruleBase) base() *ruleBase { return b }

func (g *group) key() string { return g.File + ";" + g.Name }

func (g *group) alerting() []*alertingRule {
	var as []*alertingRule
	for _, r := range g.rules {
		if a, ok := r.(*alertingRule); ok {
			as = append(as, a)
		}
	}
	return as
}

// eval is one evaluation of the group: every rule in its order, each seeing what
// the ones before wrote; then the journal; then the receivers.
func (g *group) eval(ctx context.Context, t Tick) {
	leave := g.engine.slots.enter(ctx)
	start := time.Now()
	g.closeGap(t)
	g.countIterations(t.At)
	in := g.engine.input(t, g.offset)
	in.limit = g.Limit
	samples := g.evalRules(ctx, in)
	leave() // groups that wait for the journal may wait together
	if ctx.Err() != nil {
		return
	}
	g.last, g.asOf, g.paused = t.At, t.At, false
	g.tell(t.At)
	took := time.Since(start)
	g.metrics.evaluated(t.At, took, samples)
	if !t.heard.IsZero() { // the last group has the last word
		g.engine.metrics.cycle.Set(time.Since(t.heard).Seconds())
	}
	g.publishAfter(took)
	g.engine.opts.Observe(*g.status.Load())
	g.checkPlan(ctx, in.at)
}

// evalRules evaluates all rules and stores what they give, and tells how many samples
// that is.
func (g *group) evalRules(ctx context.Context, in input) (samples int) {
	g.batch.at = in.at
	g.history.begin(in.ts, len(g.rules))
	for i, r := range g.rules {
		if g.batch.holdsUp(r.base()) {
			g.batch.store(ctx)
		}
		samples += g.evalRule(ctx, i, in)
	}
	g.batch.store(ctx)
	g.markOrphans(ctx)
	return samples
}

// ruleTimeout is how long one rule may take: as long as the group's interval, as
// one that takes longer keeps its group from its next evaluation.
func (g *group) ruleTimeout() time.Duration {
	if t := g.engine.opts.RuleTimeout; t > 0 {
		return t
	}
	return min(QueryTimeout, max(minRuleTimeout, g.interval))
}

// evalRule evaluates the i-th rule, and gives how many samples it has for storage.
func (g *group) evalRule(ctx context.Context, i int, in input) int {
	r := g.rules[i]
	b := r.base()
	start := time.Now()
	g.metrics.evaluations.Inc()
	limit := g.ruleTimeout()
	limited, cancel := withPatience(ctx, limit, func() error {
		return fmt.Errorf("the rule takes longer than %s: its expression or a query in its templates asks for too much", limit)
	})
	points, err := r.eval(limited, in)
	cancel()
	if errors.Is(err, errBlind) {
		return 0 // what was recorded stands
	}
	if ctx.Err() != nil {
		return 0 // cut off by the stop: that says nothing
	}
	b.last, b.duration = in.ts, time.Since(start)
	g.engine.metrics.ruleDuration.Observe(b.duration.Seconds())
	settle := func(werr error) {
		if rec, ok := r.(*recordingRule); ok {
			rec.wrote(in, werr)
		}
		if err == nil {
			err = werr
		}
		if err != nil {
			g.metrics.failures.Inc()
		}
		b.setHealth(err, g.log)
		g.history.note(i, b)
	}
	// One that failed without a result says nothing about the series before.
	if len(points) == 0 && (err != nil || len(b.written) == 0) {
		settle(nil)
	} else {
		g.batch.add(i, output{rule: b, points: points, settle: settle})
	}
	return len(points)
}

// setHealth logs a rule's error when it appears or changes, and its end.
func (b *ruleBase) setHealth(err error, log *slog.Logger) {
	was := b.lastErr
	b.health, b.lastErr = HealthOK, ""
	if err != nil {
		b.health, b.lastErr = HealthErr, err.Error()
	}
	switch {
	case b.lastErr == was:
	case err != nil:
		log.Warn("rule fails, its alerts stay as they are", "rule", b.rule.Name(), "line", b.rule.Pos.Line, "err", err)
	default:
		log.Info("rule recovered", "rule", b.rule.Name())
	}
}

// countIterations counts this evaluation and those that should have been since
// the last one; a pause misses none.
func (g *group) countIterations(ts time.Time) {
	g.metrics.iterations.Inc()
	if g.last.IsZero() || g.paused {
		return
	}
	if missed := int64((ts.Sub(g.last)+g.interval/2)/g.interval) - 1; missed > 0 {
		g.metrics.iterations.Add(float64(missed))
		g.metrics.missed.Add(float64(missed))
	}
}

// publish makes the group's state visible to readers.
func (g *group) publish() { g.publishAfter(g.status.Load().EvaluationTime) }

func (g *group) publishAfter(took time.Duration) {
	st := &GroupStatus{
		Name: g.Name, File: g.File, Interval: g.interval, Limit: g.Limit,
		LastEvaluation: g.last, EvaluationTime: took, Rules: make([]RuleStatus, len(g.rules)),
	}
	for i, r := range g.rules {
		b := r.base()
		st.Rules[i] = RuleStatus{
			Rule: b.rule, Health: b.health, LastError: b.lastErr,
			LastEvaluation: b.last, EvaluationTime: b.duration,
		}
		if a, ok := r.(*alertingRule); ok {
			st.Rules[i].Alerts, st.Rules[i].State = a.snapshot()
			st.Rules[i].HeldBack = a.heldBack
		}
	}
	g.status.Store(st)
}

package engine

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/tocsin/tocsin/alert"
)

// errDuplicate: two elements of a result became the same alert.
var errDuplicate = errors.New("two results have the same labels once the rule's labels are applied: add a label that tells them apart, or aggregate them away")

// alertingRule is one alerting rule and the state of its alerts.
type alertingRule struct {
	ruleBase
	engine *Engine
	// templateErr is the last error of a template, so that it is logged once.
	templateErr string
	failing     string // the last error of a template in the evaluation under way
	ghost       bool   // there is state, but no rule that could be read
	// templates are the rule's templates, by what they were written as.
	templates map[string]*ruleTemplate
	active    activeSet
	// waiting are alerts that the limit keeps out, by when they were first seen.
	waiting map[alert.Fingerprint]time.Time
	// unseenSince is the last evaluation if that was no look at them, else zero.
	unseenSince time.Time
	heldBack    int // how many alerts there was no room for
	// watchesAbsence: the rule reads up, absent() or the like, so that a failed
	// scrape is its evidence and not a want of evidence.
	watchesAbsence bool
	// needsTarget: the rule reads what a failed scrape does not bring, so that what it
	// returns then may be for want of it.
	needsTarget bool
	origin      *origin // what trace has found; it does not change
	lacks       []lack  // of the last evaluation, whose memory the next uses
	url         string  // where receivers find the expression; empty until it is needed

	// gone are alerts that are no more, which the journal does not know yet. Those that
	// it knows to have ended are false: a process that reads them back forgets them too.
	gone map[alert.Fingerprint]bool
	said int // how many changes this evaluation has logged
}

// found is an element that the expression returned, and the alert that it is.
type found struct {
	fp     alert.Fingerprint
	labels labels.Labels
	sample *promql.Sample
	since  time.Time     // of a new one: when it was first seen
	notes  labels.Labels // of one that is there: its annotations
}

func (r *alertingRule) eval(ctx context.Context, in input) ([]point, error) {
	var result []found
	var err error
	blind := in.blind && r.goesByCounts()
	if !blind {
		result, err = r.query(ctx, in)
	}
	if stale, means := r.engine.doubtful(); stale || means { // it may have come while we asked
		in.fresh = in.fresh && !stale
		if means && r.goesByCounts() {
			blind, result, err = true, nil, nil
		}
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err() // cut off by the stop: nothing was seen
	}
	ev := r.evidence(in, err == nil && !blind, len(result))
	fresh := r.look(result)
	r.said = 0
	// What is there goes first: the limit counts what is left of it. An alert that
	// had ended and is back begins anew with its admission.
	for _, a := range r.active.all() {
		r.advance(a, ev, in.ts)
	}
	asked := err == nil && !blind
	certain := ev.certain()
	r.lookAt(in.ts, certain)
	r.settle(in.limit, asked) // what has ended makes room
	heldBack := 0
	if asked {
		var admitted []*activeAlert
		admitted, heldBack, err = r.admit(ctx, fresh, in, certain)
		for _, a := range admitted {
			r.advance(a, ev, in.ts)
		}
	}
	r.logMore()
	if asked {
		r.logTemplates()
	}
	r.settle(in.limit, asked)
	if err == nil && heldBack > 0 {
		err = r.overflow(in.limit, heldBack)
	}
	return r.points(), err
}

// goesByCounts tells whether the counts of a Docker engine that starts mean nothing to
// the rule, and it reads them.
func (r *alertingRule) goesByCounts() bool {
	return !r.watchesAbsence && r.engine.own.Load().feeds(r.origin).any
}

// look finds what the expression returned among the alerts that are there, and
// gives what is not, in the place of the result.
func (r *alertingRule) look(result []found) (fresh []found) {
	fresh = result[:0]
	for _, f := range result {
		if a := r.active.get(f.fp); a != nil && a.State != alert.Inactive {
			a.Value, a.seen = f.sample.F, true
			if !labels.Equal(a.Annotations, f.notes) { // else it shares those that others hold
				a.Annotations = f.notes
			}
			continue
		}
		fresh = append(fresh, f)
	}
	return fresh
}

// query evaluates the expression and makes alerts of what it returns.
func (r *alertingRule) query(ctx context.Context, in input) ([]found, error) {
	if r.ghost {
		return nil, errGhost
	}
	vec, err := r.vector(ctx, r.engine, in.at)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	r.failing = ""
	if len(vec) == 0 {
		return nil, nil
	}
	result := make([]found, 0, len(vec))
	seen := make(map[alert.Fingerprint]bool, len(vec))
	lb := labels.NewBuilder(labels.EmptyLabels())
	for i := range vec {
		s := &vec[i]
		f := found{sample: s, labels: r.labelsOf(ctx, lb, *s, in.ts)}
		f.fp = alert.Fingerprint(f.labels.Hash())
		if seen[f.fp] {
			return nil, errDuplicate
		}
		seen[f.fp] = true
		if a := r.active.get(f.fp); a != nil && a.State != alert.Inactive {
			f.notes = r.annotate(ctx, *s, in.ts)
		}
		result = append(result, f)
	}
	if ctx.Err() != nil { // labels with errors in them would be other alerts
		return nil, context.Cause(ctx)
	}
	return result, nil
}

// advance moves one alert on and notes what changed.
func (r *alertingRule) advance(a *activeAlert, ev evidence, ts time.Time) {
	before := a.Alert
	keep := step(&a.Alert, observation{
		ts: ts, seen: a.seen, doubt: a.seen && !ev.beginning(&a.Alert), evidence: ev.ending(&a.Alert),
		hold: r.rule.For, keepFiring: r.rule.KeepFiringFor, holdLimit: r.engine.opts.HoldLimit,
	})
	a.seen = false
	if !keep {
		r.active.remove(a.fp)
		r.gone[a.fp] = r.gone[a.fp] || before.State != alert.Inactive || a.changed
	} else if transition(&before, &a.Alert) {
		a.changed = true
	}
	if before.State != a.State && keep {
		a.news = a.State != alert.Pending
	}
	r.logChange(&before, &a.Alert, keep)
}

// maxSaid bounds how many changes of one evaluation are logged one by one.
const maxSaid = 20

func (r *alertingRule) logChange(before, a *alert.Alert, kept bool) {
	what := ""
	switch {
	case before.HeldSince.IsZero() && !a.HeldSince.IsZero():
		what = "alert held, there is no fresh data to tell its end or its begin"
	case before.State == a.State:
	case a.State == alert.Firing:
		what = "alert firing"
	case a.State == alert.Inactive && kept:
		what = "alert resolved"
	}
	if what == "" {
		return
	}
	if r.said++; r.said <= maxSaid {
		r.engine.log.Info(what, "alert", r.rule.Alert, "labels", a.Labels.String(), "value", a.Value)
	}
}

// logMore tells how many changes were not logged one by one: in a storm the lines
// would be more work than the alerts.
func (r *alertingRule) logMore() {
	if more := r.said - maxSaid; more > 0 {
		r.engine.log.Info("more alerts of the rule have changed", "alert", r.rule.Alert, "alerts", more)
	}
}

// snapshot copies the alerts for readers, in the order of their labels, with the
// highest state among them.
func (r *alertingRule) snapshot() ([]alert.Alert, alert.State) {
	as := make([]alert.Alert, 0, r.active.len())
	highest := alert.Inactive
	for _, a := range r.active.byLabels() {
		as = append(as, a.Alert)
		highest = max(highest, a.State)
	}
	return as, highest
}

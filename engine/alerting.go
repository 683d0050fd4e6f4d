package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	ghost       bool // there is state, but no rule that could be read
	// templates are the rule's templates as bounded made them, by their text.
	templates map[string]string
	active    map[alert.Fingerprint]*alert.Alert
	// waiting are alerts that the limit keeps out, by when they were first seen.
	waiting  map[alert.Fingerprint]time.Time
	heldBack int // how many alerts there was no room for
	// watchesAbsence: the rule reads up, absent() or the like, so that a failed
	// scrape is its evidence and not a want of evidence.
	watchesAbsence bool
	origin         origin

	changed map[alert.Fingerprint]bool // what the journal does not know yet; false: gone
	news    map[alert.Fingerprint]bool // what began to fire or ended, and was not sent since
}

// found is an element that the expression returned.
type found struct {
	fp          alert.Fingerprint
	labels      labels.Labels
	annotations labels.Labels
	value       float64
}

func (r *alertingRule) eval(ctx context.Context, in input) ([]promql.Sample, error) {
	var result []found
	var err error
	blind := in.blind && !r.watchesAbsence
	if !blind {
		result, err = r.query(ctx, in)
	}
	if stale, means := r.engine.doubtful(); stale || means { // it may have come while we asked
		in.fresh = in.fresh && !stale
		if means && !r.watchesAbsence {
			blind, result, err = true, nil, nil
		}
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err() // cut off by the stop: nothing was seen
	}
	evidence := r.evidence(in, err == nil && !blind)
	seen := make(map[alert.Fingerprint]bool, len(result))
	var fresh []found
	for _, f := range result {
		if a := r.active[f.fp]; a != nil && a.State != alert.Inactive {
			a.Value, a.Annotations = f.value, f.annotations
			seen[f.fp] = true
			continue
		}
		fresh = append(fresh, f)
	}
	// What is there goes first: the limit counts what is left of it. An alert that
	// had ended and is back begins anew with its admission.
	for _, fp := range r.order() {
		r.advance(fp, seen[fp], evidence(r.active[fp]), in.ts)
	}
	asked := err == nil && !blind
	r.settle(in.limit, asked) // what has ended makes room
	heldBack := 0
	if asked {
		var admitted []alert.Fingerprint
		admitted, heldBack = r.admit(fresh, in)
		for _, fp := range admitted {
			r.advance(fp, true, true, in.ts)
		}
	}
	r.settle(in.limit, asked)
	if err == nil && heldBack > 0 {
		err = r.overflow(in.limit, heldBack)
	}
	return r.samples(in.at), err
}

// evidence tells of an alert whether it means something that the expression, if it
// was evaluated, does not return it. It does if all that the expression goes by is
// fresh, and, for an alert that is older than a gap in it, whole.
func (r *alertingRule) evidence(in input, evaluated bool) func(*alert.Alert) bool {
	fresh := in.fresh && !in.coverage.missed(in.at)
	if !evaluated || !fresh && !r.watchesAbsence {
		return func(*alert.Alert) bool { return false }
	}
	for _, src := range r.origin.sources {
		if src.unsure.Load() {
			return func(*alert.Alert) bool { return false }
		}
	}
	whole, upTo := in.coverage.complete(in.at, r.origin.window)
	offset := in.ts.Sub(in.at) // gaps are in the time of the data
	return func(a *alert.Alert) bool { return whole || !a.ActiveAt.Add(-offset).Before(upTo) }
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
	failed := ""
	result := make([]found, 0, len(vec))
	seen := make(map[alert.Fingerprint]bool, len(vec))
	lb := labels.NewBuilder(labels.EmptyLabels())
	for _, s := range vec {
		x := r.engine.expander(ctx, r.rule.Alert, s, in.ts)
		lb.Reset(s.Metric)
		lb.Del(labels.MetricName)
		r.rule.Labels.Range(func(l labels.Label) { lb.Set(l.Name, x.expand(r.templates[l.Value])) })
		lb.Set(labels.AlertName, r.rule.Alert)
		ls := lb.Labels()
		f := found{fp: alert.Fingerprint(ls.Hash()), labels: ls, value: s.F}
		if seen[f.fp] {
			return nil, errDuplicate
		}
		seen[f.fp] = true
		if !r.engine.opts.NoAnnotations {
			sb := labels.NewScratchBuilder(r.rule.Annotations.Len())
			r.rule.Annotations.Range(func(l labels.Label) { sb.Add(l.Name, x.expand(r.templates[l.Value])) })
			f.annotations = sb.Labels()
		}
		result = append(result, f)
		if x.err != nil {
			failed = x.err.Error()
		}
	}
	if ctx.Err() != nil { // labels with errors in them would be other alerts
		return nil, context.Cause(ctx)
	}
	if failed != r.templateErr && failed != "" {
		r.engine.log.Warn("template fails, its error stands in its place", "rule", r.rule.Alert, "err", failed)
	}
	r.templateErr = failed
	return result, nil
}

// settle tells the quota what there is, and what waits for room in it.
func (r *alertingRule) settle(limit int, asks bool) {
	active, waiting := r.countActive(), r.waiting
	if !asks || limit > 0 && active >= limit {
		waiting = nil // for room in the group's own limit, or for another evaluation
	}
	r.engine.quota.settle(r, active, waiting)
}

// overflow says what was held back, and by which limit.
func (r *alertingRule) overflow(limit, heldBack int) error {
	if limit > 0 && r.countActive() >= limit {
		return fmt.Errorf("limit of %d alerts reached: %d more are held back until others end", limit, heldBack)
	}
	return fmt.Errorf("limit of %d alerts of all rules together (ALERT_LIMIT) reached: %d more of this rule are held back until others end", r.engine.quota.max, heldBack)
}

// maxWaiting bounds of how many alerts of one rule it is remembered since when
// they wait for room.
const maxWaiting = 10_000

// admit makes pending alerts of new elements until a limit is reached: those
// that wait longest first, and of these by their labels, as the order of a result
// is nobody's. It returns them, and how many it kept out.
func (r *alertingRule) admit(fresh []found, in input) (admitted []alert.Fingerprint, heldBack int) {
	if in.limit > 0 || r.engine.quota.max > 0 {
		slices.SortStableFunc(fresh, func(a, b found) int {
			return cmp.Or(r.since(a.fp, in.ts).Compare(r.since(b.fp, in.ts)), labels.Compare(a.labels, b.labels))
		})
	}
	waiting := map[alert.Fingerprint]time.Time{}
	room := in.limit - r.countActive()
	for _, f := range fresh {
		since := r.since(f.fp, in.ts)
		if in.limit > 0 && room <= 0 || !r.engine.quota.take(r, since) {
			heldBack++
			if len(waiting) < maxWaiting {
				waiting[f.fp] = since
			}
			continue
		}
		room--
		r.active[f.fp] = &alert.Alert{
			State: alert.Pending, Labels: f.labels, Annotations: f.annotations, Value: f.value, ActiveAt: since,
		}
		r.changed[f.fp] = true
		admitted = append(admitted, f.fp)
	}
	r.waiting, r.heldBack = waiting, heldBack
	return admitted, heldBack
}

// since is when a new element was first seen.
func (r *alertingRule) since(fp alert.Fingerprint, ts time.Time) time.Time {
	if t, ok := r.waiting[fp]; ok {
		return t
	}
	return ts
}

func (r *alertingRule) countActive() int {
	n := 0
	for _, a := range r.active {
		if a.State != alert.Inactive {
			n++
		}
	}
	return n
}

// order gives the alerts in an order that does not change between evaluations.
func (r *alertingRule) order() []alert.Fingerprint { return slices.Sorted(maps.Keys(r.active)) }

// advance moves one alert on and notes what changed.
func (r *alertingRule) advance(fp alert.Fingerprint, seen, evidence bool, ts time.Time) {
	a := r.active[fp]
	before := *a
	keep := step(a, observation{
		ts: ts, seen: seen, evidence: evidence,
		hold: r.rule.For, keepFiring: r.rule.KeepFiringFor, holdLimit: r.engine.opts.HoldLimit,
	})
	if !keep {
		delete(r.active, fp)
		r.changed[fp] = false
	} else if transition(&before, a) {
		r.changed[fp] = true
	}
	if before.State != a.State && keep {
		r.news[fp] = a.State != alert.Pending
	}
	r.logChange(&before, a, keep)
}

func (r *alertingRule) logChange(before, a *alert.Alert, kept bool) {
	log := r.engine.log
	switch {
	case before.State == a.State:
	case a.State == alert.Firing:
		log.Info("alert firing", "alert", r.rule.Alert, "labels", a.Labels.String(), "value", a.Value)
	case a.State == alert.Inactive && kept:
		log.Info("alert resolved", "alert", r.rule.Alert, "labels", a.Labels.String())
	}
	if before.HeldSince.IsZero() && !a.HeldSince.IsZero() {
		log.Info("alert held, there is no fresh data to end it", "alert", r.rule.Alert, "labels", a.Labels.String())
	}
}

// snapshot copies the alerts for readers, in the order of their labels, with the
// highest state among them.
func (r *alertingRule) snapshot() ([]alert.Alert, alert.State) {
	as := make([]alert.Alert, 0, len(r.active))
	highest := alert.Inactive
	for _, a := range r.active {
		as = append(as, *a)
		highest = max(highest, a.State)
	}
	slices.SortFunc(as, func(a, b alert.Alert) int { return labels.Compare(a.Labels, b.Labels) })
	return as, highest
}

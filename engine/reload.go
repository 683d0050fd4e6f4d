package engine

import (
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/rules"
)

// takeNext makes groups of what Load gave. Called by Run, with no group running.
// now is the last tick, for what is decided at this moment; nil before the first.
func (e *Engine) takeNext(now *Tick) {
	e.mu.Lock()
	next := e.next
	restored := e.restored
	e.next, e.restored = nil, nil
	e.mu.Unlock()
	select {
	case <-e.loaded:
	default:
	}
	if next == nil {
		return
	}
	old := *e.groups.Load()
	if now != nil {
		for _, g := range old {
			g.followStep(*now) // heirs begin where the last tick is
		}
	}
	groups := make([]*group, len(next.groups))
	for i, g := range next.groups {
		groups[i] = e.newGroup(g)
	}
	e.foresee(groups, WrittenBy(next.groups))
	e.compile(groups)
	forebears := append(old[:len(old):len(old)], e.ghosts(restored)...)
	left := inherit(groups, forebears)
	if next.complete {
		e.bury(left, now)
	} else {
		groups = append(groups, e.hold(left, forebears)...)
	}
	trace(groups)
	e.roster.reach(groups)
	passHistory(groups, old)
	e.quota.reset(groups)
	e.passResave(groups, old)
	e.resume(groups, restored)
	e.passOrphans(groups, old)
	for _, g := range old {
		e.metrics.forget(g.key())
	}
	for _, g := range groups {
		g.metrics = e.metrics.start(g)
		g.publishAfter(0)
	}
	e.groups.Store(&groups)
	e.log.Info("rules loaded", "groups", len(groups), "rules", len(allRules(groups)))
}

// passResave has the groups give all state to the journal that one of those before was
// still to give.
func (e *Engine) passResave(groups, old []*group) {
	followed := e.resaves.Load()
	for _, g := range old {
		followed = min(followed, g.resaved)
	}
	for _, g := range groups {
		g.resaved = followed
	}
}

func (e *Engine) newGroup(rg rules.Group) *group {
	g := &group{
		Group: rg, engine: e, interval: rg.Interval, ticks: make(chan Tick, 1),
		batch: batch{to: e.opts.Appendable},
		log:   e.log.With("file", rg.File, "group", rg.Name),
	}
	setDefault(&g.interval, e.opts.Interval)
	g.unchecked = int(phase(g.key(), checkEvery)) // not all groups at once
	if rg.QueryOffset != nil {
		g.offset = *rg.QueryOffset
	}
	for i, id := range ruleIDs(rg) {
		r := &rg.Rules[i]
		base := ruleBase{rule: r, id: id, health: HealthUnknown, written: seriesSet{}}
		if r.Record != "" {
			g.rules = append(g.rules, &recordingRule{ruleBase: base, engine: e})
			continue
		}
		g.rules = append(g.rules, &alertingRule{
			ruleBase: base, engine: e, gone: map[alert.Fingerprint]bool{},
			watchesAbsence: watchesAbsence(r.Expr), templates: templatesOf(r),
		})
	}
	if last := e.lastTick.Load(); last != nil {
		g.stepped, g.slept = last.Stepped, last.Slept
	}
	g.status.Store(&GroupStatus{})
	return g
}

// ruleIDs name the rules of a group, in their order.
func ruleIDs(rg rules.Group) []alert.RuleID {
	same := map[alert.RuleID]int{}
	ids := make([]alert.RuleID, len(rg.Rules))
	for i, r := range rg.Rules {
		id := alert.RuleID{File: rg.File, Group: rg.Name, Name: r.Name(), Labels: r.Labels.String(), Recording: r.Record != ""}
		n := same[id]
		same[id]++
		id.Index = n
		ids[i] = id
	}
	return ids
}

// templatesOf prepares the templates of a rule, once for all its evaluations.
func templatesOf(r *rules.Rule) map[string]*ruleTemplate {
	m := map[string]*ruleTemplate{}
	for _, ls := range []labels.Labels{r.Labels, r.Annotations} {
		ls.Range(func(l labels.Label) { m[l.Value] = newTemplate(l.Value) })
	}
	return m
}

// watchesAbsence tells whether an expression exists to notice that data is
// missing, as far as it shows without the other rules.
func watchesAbsence(expr parser.Expr) bool { return new(lineage).reads(expr).watchAbsence() }

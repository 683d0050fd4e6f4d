package engine

import (
	"errors"
	"time"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/rules"
)

// errGhost is what the evaluation of a rule gives that cannot be read: no
// evidence.
var errGhost = errors.New("the rule cannot be read any more: its alerts are held until its file is repaired or removed")

// restoredState are the alerts of the process before, as of a moment, and when
// this process took them over.
type restoredState struct {
	records   []alert.Record
	asOf, now time.Time
}

// ghosts make groups of the alerts of the process before: their rules have state
// and no expression. They are forebears like any other.
func (e *Engine) ghosts(st *restoredState) []*group {
	if st == nil || len(st.records) == 0 {
		return nil
	}
	var made ghostGroups
	byRule := map[alert.RuleID]*alertingRule{}
	for _, rec := range st.records {
		r := byRule[rec.Rule]
		if r == nil {
			r = &alertingRule{
				ruleBase: ruleBase{id: rec.Rule, written: seriesSet{}}, engine: e, gone: map[alert.Fingerprint]bool{},
			}
			byRule[rec.Rule] = r
			g := made.add(e, r)
			g.asOf, g.paused = st.asOf, true
		}
		r.active.add(rec.Alert.Fingerprint(), rec.Alert)
	}
	for _, r := range allRules(made) {
		r.(*alertingRule).writtenBefore()
	}
	e.log.Info("alert state restored", "alerts", len(st.records), "as_of", st.asOf.UTC().Format(time.RFC3339))
	return made
}

// writtenBefore adds the series of the process before: what ends with the first
// evaluation is marked stale too.
func (r *alertingRule) writtenBefore() {
	for _, p := range r.points() {
		p.series.before = true
		r.written.keep(p.series)
	}
}

// hold keeps the alerts of rules that cannot be read: their ghosts have no
// evidence, so the alerts are refreshed and held like any other, for HOLD_LIMIT.
func (e *Engine) hold(left []rule, forebears []*group) []*group {
	var made ghostGroups
	for _, r := range left {
		a, ok := r.(*alertingRule)
		if !ok || a.active.len() == 0 {
			continue
		}
		g := made.add(e, a)
		if from := groupOf(forebears, r); from != nil {
			g.last, g.asOf, g.paused = from.last, from.asOf, from.paused
		}
	}
	return made
}

// ghostGroups are groups of rules that cannot be read.
type ghostGroups []*group

// add makes r a ghost and puts it into the group that it was in.
func (gs *ghostGroups) add(e *Engine, r *alertingRule) *group {
	r.ghost = true
	if r.rule == nil {
		r.rule = &rules.Rule{Alert: r.id.Name}
	}
	for _, g := range *gs {
		if g.File == r.id.File && g.Name == r.id.Group {
			g.rules = append(g.rules, r)
			return g
		}
	}
	g := e.newGroup(rules.Group{File: r.id.File, Name: r.id.Group})
	g.rules = append(g.rules, r)
	*gs = append(*gs, g)
	return g
}

// inherit gives the rules of the new groups the state of those that they
// continue, and returns those that nobody continues.
func inherit(groups, forebears []*group) (left []rule) {
	heirs, olds := allRules(groups), allRules(forebears)
	taken := make([]bool, len(olds))
	for i, j := range match(ids(heirs), ids(olds)) {
		if j < 0 {
			continue
		}
		taken[j] = true
		heirs[i].base().inherit(olds[j].base())
		g, from := groupOf(groups, heirs[i]), groupOf(forebears, olds[j])
		if g.asOf.IsZero() {
			g.asOf, g.paused = from.asOf, from.paused
		}
		if g.File == from.File && g.Name == from.Name {
			g.last = from.last
		}
		switch r := heirs[i].(type) {
		case *alertingRule:
			r.continueFrom(olds[j].(*alertingRule))
		case *recordingRule:
			r.continueFrom(olds[j].(*recordingRule))
		}
	}
	for j, r := range olds {
		if !taken[j] {
			left = append(left, r)
		}
	}
	return left
}

func (b *ruleBase) inherit(from *ruleBase) {
	b.health, b.lastErr, b.last, b.duration, b.written = from.health, from.lastErr, from.last, from.duration, from.written
}

// continueFrom takes over the alerts of a rule, and tells the journal if it knows
// them under another name.
func (r *alertingRule) continueFrom(from *alertingRule) {
	r.active, r.waiting, r.unseenSince, r.heldBack = from.active, from.waiting, from.unseenSince, from.heldBack
	if from.ghost { // which does not know the rule's labels
		for _, a := range r.active.all() {
			a.alerts, a.forState, a.held = nil, nil, nil
		}
		r.writtenBefore()
	}
	if from.id == r.id {
		r.gone = from.gone
		return
	}
	c := alert.Changes{Deletes: from.deletions()}
	for _, a := range r.active.all() {
		c.Upserts = append(c.Upserts, alert.Record{Rule: r.id, Alert: a.Alert})
		c.Deletes = append(c.Deletes, alert.Key{Rule: from.id, Fingerprint: a.fp})
	}
	if !r.engine.recordLast(c) {
		r.changeAll()
	}
}

// bury ends the alerts of rules that are gone.
func (e *Engine) bury(left []rule, now *Tick) {
	at := e.opts.Now().At
	if now != nil {
		at = now.At
	}
	var ns []alert.Notification
	var c alert.Changes
	for _, r := range left {
		e.orphan(r.base().written)
		if a, ok := r.(*alertingRule); ok {
			ns = append(ns, a.testament(at)...)
			c.Deletes = append(c.Deletes, a.deletions()...)
			for _, one := range a.active.all() {
				c.Deletes = append(c.Deletes, alert.Key{Rule: a.id, Fingerprint: one.fp})
			}
		}
	}
	c.News = newsOf(ns)
	e.recordLast(c)
	if len(ns) > 0 {
		e.opts.Notify(ns)
	}
}

func allRules(gs []*group) (out []rule) {
	for _, g := range gs {
		out = append(out, g.rules...)
	}
	return out
}

func groupOf(gs []*group, r rule) *group {
	for _, g := range gs {
		for _, other := range g.rules {
			if other == r {
				return g
			}
		}
	}
	return nil
}

func ids(rs []rule) []alert.RuleID {
	out := make([]alert.RuleID, len(rs))
	for i, r := range rs {
		out[i] = r.base().id
	}
	return out
}

// match finds for each new rule the old one that it continues, or -1: the one in
// the same place, else one of the same kind, name and labels in a file or group of
// another name. An old rule is continued once.
func match(heirs, forebears []alert.RuleID) []int {
	found := make([]int, len(heirs))
	for i := range found {
		found[i] = -1
	}
	taken := make([]bool, len(forebears))
	for _, key := range []func(alert.RuleID) alert.RuleID{
		func(id alert.RuleID) alert.RuleID { return id },
		func(id alert.RuleID) alert.RuleID { id.File = ""; return id },
		func(id alert.RuleID) alert.RuleID { id.File, id.Group, id.Index = "", "", 0; return id },
	} {
		byKey := map[alert.RuleID][]int{}
		for j, id := range forebears {
			if !taken[j] {
				byKey[key(id)] = append(byKey[key(id)], j)
			}
		}
		for i, id := range heirs {
			if js := byKey[key(id)]; found[i] < 0 && len(js) > 0 {
				found[i], byKey[key(id)] = js[0], js[1:]
				taken[js[0]] = true
			}
		}
	}
	return found
}

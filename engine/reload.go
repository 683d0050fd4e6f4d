package engine

import (
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/rules"
)

// takeNext makes groups of what Load gave. Called by Run, with no group running.
// now is the last tick, for what is decided at this moment; nil before the first.
func (e *Engine) takeNext(now *Tick) {
	e.mu.Lock()
	next, have := e.next, e.haveNext
	restore, stopped := e.restore, e.stopped
	e.next, e.haveNext, e.restore = nil, false, nil
	e.mu.Unlock()
	if !have {
		return
	}
	old := *e.groups.Load()
	groups := make([]*group, len(next))
	for i, g := range next {
		groups[i] = e.newGroup(g)
	}
	e.foresee(groups, WrittenBy(next))
	e.inherit(groups, old, now)
	e.adopt(groups, restore, stopped)
	for _, g := range old {
		e.metrics.forget(g.key())
	}
	for _, g := range groups {
		e.metrics.start(g.key(), g)
		g.publishAfter(0)
	}
	e.groups.Store(&groups)
	e.log.Info("rules loaded", "groups", len(groups), "rules", countRules(groups))
}

func countRules(gs []*group) (n int) {
	for _, g := range gs {
		n += len(g.rules)
	}
	return n
}

func (e *Engine) newGroup(rg rules.Group) *group {
	g := &group{
		Group: rg, engine: e, interval: rg.Interval, ticks: make(chan Tick, 1),
		log: e.log.With("file", rg.File, "group", rg.Name),
	}
	setDefault(&g.interval, e.opts.Interval)
	if rg.QueryOffset != nil {
		g.offset = *rg.QueryOffset
	}
	same := map[alert.RuleID]int{}
	for i := range rg.Rules {
		r := &rg.Rules[i]
		id := alert.RuleID{File: rg.File, Group: rg.Name, Name: r.Name(), Labels: r.Labels.String()}
		n := same[id]
		same[id]++
		id.Index = n
		base := ruleBase{rule: r, id: id, health: HealthUnknown}
		if r.Record != "" {
			g.rules = append(g.rules, &recordingRule{ruleBase: base, engine: e})
			continue
		}
		g.rules = append(g.rules, &alertingRule{
			ruleBase: base, engine: e, active: map[alert.Fingerprint]*alert.Alert{},
			changed: map[alert.Fingerprint]bool{}, watchesAbsence: watchesAbsence(r.Expr), templates: templatesOf(r),
		})
	}
	g.status.Store(&GroupStatus{})
	return g
}

// templatesOf bounds the templates of a rule, once for all its evaluations.
func templatesOf(r *rules.Rule) map[string]string {
	m := map[string]string{}
	for _, ls := range []labels.Labels{r.Labels, r.Annotations} {
		ls.Range(func(l labels.Label) { m[l.Value] = bounded(l.Value) })
	}
	return m
}

// inherit gives the rules of the new groups the state of the old ones that they
// continue. What nobody continues is resolved, and its series marked stale.
func (e *Engine) inherit(groups, old []*group, now *Tick) {
	heirs, forebears := allRules(groups), allRules(old)
	continued := match(ids(heirs), ids(forebears))
	taken := make([]bool, len(forebears))
	for i, j := range continued {
		if j < 0 {
			continue
		}
		taken[j] = true
		heir, was := heirs[i].base(), forebears[j].base()
		heir.health, heir.lastErr, heir.last, heir.duration, heir.written = was.health, was.lastErr, was.last, was.duration, was.written
		if a, ok := heirs[i].(*alertingRule); ok {
			from := forebears[j].(*alertingRule)
			a.active, a.waiting = from.active, from.waiting
			a.moved(was.id)
		}
	}
	for _, g := range groups {
		for _, o := range old {
			if o.File == g.File && o.Name == g.Name {
				g.last, g.evaluated, g.paused = o.last, o.evaluated, o.paused
			}
		}
	}
	e.bury(groups, forebears, taken, now)
}

// moved notes that the journal knows the alerts under another rule.
func (r *alertingRule) moved(from alert.RuleID) {
	if from == r.id {
		return
	}
	var c alert.Changes
	for fp, a := range r.active {
		c.Upserts = append(c.Upserts, alert.Record{Rule: r.id, Alert: *a})
		c.Deletes = append(c.Deletes, alert.Key{Rule: from, Fingerprint: fp})
	}
	r.engine.record(c)
}

// bury ends the alerts of rules that are gone.
func (e *Engine) bury(groups []*group, forebears []rule, taken []bool, now *Tick) {
	orphans := seriesSet{}
	var ns []alert.Notification
	var c alert.Changes
	at := time.Now()
	if now != nil {
		at = now.At
	}
	for j, r := range forebears {
		if taken[j] {
			continue
		}
		for k, ls := range r.base().written {
			orphans[k] = ls
		}
		if a, ok := r.(*alertingRule); ok {
			ns = append(ns, a.testament(at)...)
			for fp := range a.active {
				c.Deletes = append(c.Deletes, alert.Key{Rule: a.id, Fingerprint: fp})
			}
		}
	}
	if len(groups) > 0 {
		groups[0].orphans = orphans
	}
	e.record(c)
	if len(ns) > 0 {
		e.opts.Notify(ns)
	}
}

func (e *Engine) record(c alert.Changes) {
	if len(c.Upserts)+len(c.Deletes) == 0 {
		return
	}
	if err := e.opts.Journal(c); err != nil {
		e.metrics.journalErrors.Inc()
		e.log.Error("alert state is not durable", "err", err)
	}
}

// adopt gives the alerts of the process before to the rules that they belong to.
// Alerts of rules that are gone are resolved.
func (e *Engine) adopt(groups []*group, restore []alert.Record, stopped time.Time) {
	if len(restore) == 0 {
		return
	}
	ghosts := map[alert.RuleID]*alertingRule{}
	var order []rule
	for _, rec := range restore {
		g := ghosts[rec.Rule]
		if g == nil {
			g = &alertingRule{
				engine: e, active: map[alert.Fingerprint]*alert.Alert{}, changed: map[alert.Fingerprint]bool{},
				ruleBase: ruleBase{id: rec.Rule, rule: &rules.Rule{Alert: rec.Rule.Name}},
			}
			ghosts[rec.Rule] = g
			order = append(order, g)
		}
		a := rec.Alert
		g.active[a.Fingerprint()] = &a
	}
	heirs := allRules(groups)
	taken := make([]bool, len(order))
	for i, j := range match(ids(heirs), ids(order)) {
		if a, ok := heirs[i].(*alertingRule); ok && j >= 0 {
			taken[j] = true
			a.active = order[j].(*alertingRule).active
			a.moved(order[j].base().id)
		}
	}
	for _, g := range groups {
		g.last, g.paused = stopped, true
	}
	e.bury(nil, order, taken, nil)
	e.log.Info("alert state restored", "alerts", len(restore), "as_of", stopped.UTC().Format(time.RFC3339))
}

func allRules(gs []*group) (out []rule) {
	for _, g := range gs {
		out = append(out, g.rules...)
	}
	return out
}

func ids(rs []rule) []alert.RuleID {
	out := make([]alert.RuleID, len(rs))
	for i, r := range rs {
		out[i] = r.base().id
	}
	return out
}

// match finds for each new rule the old one that it continues, or -1: the one in
// the same place, else one of the same name and labels in a file or group of
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

// watchesAbsence tells whether an expression exists to notice that data is
// missing.
func watchesAbsence(expr parser.Expr) bool {
	watches := false
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.Call:
			watches = watches || n.Func.Name == "absent" || n.Func.Name == "absent_over_time"
		case *parser.VectorSelector:
			watches = watches || n.Name == "up" || n.Name == "scrape_samples_scraped" || n.Name == "scrape_duration_seconds"
		}
		return nil
	})
	return watches
}

package engine

import (
	"maps"
	"slices"
	"time"

	"github.com/tocsin/tocsin/alert"
)

// maxTold is how many alerts are journalled in one transaction and then sent: a
// storm goes in parts, so that the memory which it takes on its way does not grow
// with it, and its first alerts do not wait for the last.
const maxTold = 5000

// bulletin takes what an evaluation has changed to the journal, and then to the
// receivers. An alert's state and what is to be told of it are in one part.
type bulletin struct {
	group   *group
	at      time.Time
	again   refreshing
	changes alert.Changes
	sent    []alert.Notification
	alerts  []*activeAlert  // of changes
	rules   []*alertingRule // of the deletions in changes
}

// tell journals what an evaluation has changed, and tells the receivers.
func (g *group) tell(at time.Time) {
	resaves := g.engine.resaves.Load()
	all := g.resaved != resaves
	g.resaved = resaves
	t := bulletin{group: g, at: at, again: g.engine.refreshing()}
	alerting := g.alerting()
	for _, r := range alerting {
		if all {
			r.changeAll()
		}
		for _, a := range r.active.all() {
			t.add(r, a)
		}
	}
	t.forget(alerting)
	t.pass()
	if shortest := counting(alerting); shortest > 0 {
		g.engine.opts.Counting(at, shortest)
	}
}

func (t *bulletin) add(r *alertingRule, a *activeAlert) {
	if a.news || needsSending(&a.Alert, t.at, t.again) {
		a.LastSentAt = t.at
		// Two evaluations or sends may fail before receivers give the alert up.
		a.ValidUntil = t.at.Add(4 * max(t.group.interval, t.again.delay))
		t.sent = append(t.sent, r.notification(a))
		a.news = false
	}
	if a.changed {
		t.changes.Upserts = append(t.changes.Upserts, alert.Record{Rule: r.id, Alert: a.Alert})
		t.alerts = append(t.alerts, a)
	}
	if max(len(t.sent), len(t.alerts)) == maxTold {
		t.pass()
	}
}

// maxWait is how many alerts of a rule that are no more may wait for another change.
const maxWait = 100

// forget adds the alerts that are no more. Where that is no news to the journal, a
// transaction of their own would wear the flash for nothing: they go with the next.
func (t *bulletin) forget(rules []*alertingRule) {
	due := len(t.alerts) > 0 || slices.ContainsFunc(t.sent, func(n alert.Notification) bool { return n.News })
	if !due && !slices.ContainsFunc(rules, (*alertingRule).mustForget) {
		return
	}
	for _, r := range rules {
		if len(r.gone) > 0 {
			t.changes.Deletes = append(t.changes.Deletes, r.deletions()...)
			t.rules = append(t.rules, r)
		}
	}
}

// mustForget tells whether the journal is to be told at once of alerts that are no more.
func (r *alertingRule) mustForget() bool {
	for _, news := range r.gone {
		if news {
			return true
		}
	}
	return len(r.gone) > maxWait
}

// deletions are the alerts that are no more, which the journal does not know yet.
func (r *alertingRule) deletions() []alert.Key {
	keys := make([]alert.Key, 0, len(r.gone))
	for _, fp := range slices.Sorted(maps.Keys(r.gone)) {
		keys = append(keys, alert.Key{Rule: r.id, Fingerprint: fp})
	}
	return keys
}

// pass passes on what has been added.
func (t *bulletin) pass() {
	e := t.group.engine
	t.changes.At, t.changes.News = t.at, newsOf(t.sent)
	if e.record(t.changes) {
		for _, a := range t.alerts {
			a.changed = false
		}
		for _, r := range t.rules {
			clear(r.gone)
		}
	}
	if len(t.sent) > 0 {
		e.opts.Notify(t.sent)
	}
	t.changes, t.sent, t.alerts, t.rules = alert.Changes{}, nil, nil, nil
}

package engine

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/prometheus/util/strutil"

	"github.com/tocsin/tocsin/alert"
)

// due is how many notifications there are after the evaluation at in.ts, and how many
// changes for the journal.
func (r *alertingRule) due(in input) (notifications, changes int) {
	for _, a := range r.active.byFP {
		if a.news || needsSending(&a.Alert, in.ts, r.engine.opts.ResendDelay) {
			notifications++
		}
		if a.changed {
			changes++
		}
	}
	return notifications, changes
}

// addNotifications adds what receivers are to be told after the evaluation at in.ts.
func (r *alertingRule) addNotifications(ns []alert.Notification, in input, interval time.Duration) []alert.Notification {
	resend := r.engine.opts.ResendDelay
	for _, a := range r.active.all() {
		if !a.news && !needsSending(&a.Alert, in.ts, resend) {
			continue
		}
		a.LastSentAt = in.ts
		// Two evaluations or sends may fail before receivers give the alert up.
		a.ValidUntil = in.ts.Add(4 * max(interval, resend))
		ns = append(ns, r.notification(a))
		a.news = false
	}
	return ns
}

func (r *alertingRule) notification(a *activeAlert) alert.Notification {
	n := alert.Notification{
		Labels: a.Labels, Annotations: a.Annotations, StartsAt: a.FiredAt, EndsAt: a.ValidUntil,
		GeneratorURL: r.generatorURL(), News: a.news,
	}
	if a.State == alert.Inactive {
		n.EndsAt, n.Resolved = a.ResolvedAt, true
	}
	return n
}

// generatorURL is where receivers find the rule's expression.
func (r *alertingRule) generatorURL() string {
	if r.url == "" {
		r.url = r.engine.opts.ExternalURL.String() + strutil.TableLinkForExpression(r.rule.ExprText)
	}
	return r.url
}

// lastWill asks receivers to keep what fires until at + hold, and tells them of
// what ended in an evaluation that was cut off before it could.
func (r *alertingRule) lastWill(at time.Time, hold time.Duration) []alert.Notification {
	var ns []alert.Notification
	for _, a := range r.active.all() {
		if a.State != alert.Firing && !a.news {
			continue
		}
		a.LastSentAt = at
		if until := at.Add(hold); until.After(a.ValidUntil) {
			a.ValidUntil = until
		}
		ns = append(ns, r.notification(a))
		a.news = false
	}
	return ns
}

// newsOf are those of the notifications that receivers have not been told yet.
func newsOf(ns []alert.Notification) []alert.Notification {
	old := func(n alert.Notification) bool { return !n.News }
	if !slices.ContainsFunc(ns, old) {
		return ns
	}
	return slices.DeleteFunc(slices.Clone(ns), old)
}

// testament resolves all that fires: the rule is gone.
func (r *alertingRule) testament(at time.Time) []alert.Notification {
	var ns []alert.Notification
	for _, a := range r.active.all() {
		if a.State == alert.Firing {
			a.State, a.ResolvedAt, a.LastSentAt = alert.Inactive, at, at
			a.news = true
		}
		if a.news {
			ns = append(ns, r.notification(a))
		}
	}
	return ns
}

func (r *alertingRule) records() []alert.Record {
	rs := make([]alert.Record, 0, r.active.len())
	for _, a := range r.active.all() {
		rs = append(rs, alert.Record{Rule: r.id, Alert: a.Alert})
	}
	return rs
}

// addChanges adds what has changed and is not in the journal yet.
func (r *alertingRule) addChanges(c *alert.Changes) {
	for _, a := range r.active.all() {
		if a.changed {
			c.Upserts = append(c.Upserts, alert.Record{Rule: r.id, Alert: a.Alert})
		}
	}
	for _, fp := range slices.Sorted(maps.Keys(r.gone)) {
		c.Deletes = append(c.Deletes, alert.Key{Rule: r.id, Fingerprint: fp})
	}
}

// journalled notes that the journal has all changes.
func (r *alertingRule) journalled() {
	clear(r.gone)
	for _, a := range r.active.byFP {
		a.changed = false
	}
}

// changeAll counts everything as changed.
func (r *alertingRule) changeAll() {
	for _, a := range r.active.byFP {
		a.changed = true
	}
}

package engine

import (
	"slices"
	"time"

	"github.com/prometheus/prometheus/util/strutil"

	"github.com/tocsin/tocsin/alert"
)

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

// changeAll counts everything as changed.
func (r *alertingRule) changeAll() {
	for _, a := range r.active.byFP {
		a.changed = true
	}
}

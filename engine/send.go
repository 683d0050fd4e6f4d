package engine

import (
	"time"

	"github.com/prometheus/prometheus/util/strutil"

	"github.com/tocsin/tocsin/alert"
)

// notifications are what receivers are to be told after the evaluation at in.ts.
func (r *alertingRule) notifications(in input, interval time.Duration) []alert.Notification {
	resend := r.engine.opts.ResendDelay
	var ns []alert.Notification
	for _, fp := range r.order() {
		a := r.active[fp]
		if !r.news[fp] && !needsSending(a, in.ts, resend) {
			continue
		}
		a.LastSentAt = in.ts
		// Two evaluations or sends may fail before receivers give the alert up.
		a.ValidUntil = in.ts.Add(4 * max(interval, resend))
		ns = append(ns, r.notification(a))
	}
	clear(r.news)
	return ns
}

func (r *alertingRule) notification(a *alert.Alert) alert.Notification {
	n := alert.Notification{
		Labels: a.Labels, Annotations: a.Annotations, StartsAt: a.FiredAt, EndsAt: a.ValidUntil,
		GeneratorURL: r.engine.opts.ExternalURL.String() + strutil.TableLinkForExpression(r.rule.ExprText),
		News:         r.news[a.Fingerprint()],
	}
	if a.State == alert.Inactive {
		n.EndsAt, n.Resolved = a.ResolvedAt, true
	}
	return n
}

// lastWill asks receivers to keep what fires until at + hold, and tells them of
// what ended in an evaluation that was cut off before it could.
func (r *alertingRule) lastWill(at time.Time, hold time.Duration) []alert.Notification {
	var ns []alert.Notification
	for _, fp := range r.order() {
		a := r.active[fp]
		if a.State != alert.Firing && !r.news[fp] {
			continue
		}
		a.LastSentAt = at
		if until := at.Add(hold); until.After(a.ValidUntil) {
			a.ValidUntil = until
		}
		ns = append(ns, r.notification(a))
	}
	clear(r.news)
	return ns
}

// newsOf are those of the notifications that receivers have not been told yet.
func newsOf(ns []alert.Notification) []alert.Notification {
	var news []alert.Notification
	for _, n := range ns {
		if n.News {
			news = append(news, n)
		}
	}
	return news
}

// testament resolves all that fires: the rule is gone.
func (r *alertingRule) testament(at time.Time) []alert.Notification {
	var ns []alert.Notification
	for _, fp := range r.order() {
		a := r.active[fp]
		if a.State == alert.Firing {
			a.State, a.ResolvedAt, a.LastSentAt = alert.Inactive, at, at
			r.news[fp] = true
		}
		if r.news[fp] {
			ns = append(ns, r.notification(a))
		}
	}
	return ns
}

func (r *alertingRule) records() []alert.Record {
	var rs []alert.Record
	for _, fp := range r.order() {
		rs = append(rs, alert.Record{Rule: r.id, Alert: *r.active[fp]})
	}
	return rs
}

// addChanges adds what has changed and is not in the journal yet.
func (r *alertingRule) addChanges(c *alert.Changes) {
	for fp, there := range r.changed {
		if there {
			c.Upserts = append(c.Upserts, alert.Record{Rule: r.id, Alert: *r.active[fp]})
		} else {
			c.Deletes = append(c.Deletes, alert.Key{Rule: r.id, Fingerprint: fp})
		}
	}
}

// changeAll counts everything as changed.
func (r *alertingRule) changeAll() {
	for fp := range r.active {
		r.changed[fp] = true
	}
}

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
		if !needsSending(a, in.ts, resend) {
			continue
		}
		a.LastSentAt = in.ts
		// Two evaluations or sends may fail before receivers give the alert up.
		a.ValidUntil = in.ts.Add(4 * max(interval, resend))
		ns = append(ns, r.notification(a))
	}
	return ns
}

func (r *alertingRule) notification(a *alert.Alert) alert.Notification {
	n := alert.Notification{
		Labels: a.Labels, Annotations: a.Annotations, StartsAt: a.FiredAt, EndsAt: a.ValidUntil,
		GeneratorURL: r.engine.opts.ExternalURL.String() + strutil.TableLinkForExpression(r.rule.ExprText),
	}
	if a.State == alert.Inactive {
		n.EndsAt, n.Resolved = a.ResolvedAt, true
	}
	return n
}

// lastWill asks receivers to keep what fires until at + hold.
func (r *alertingRule) lastWill(at time.Time, hold time.Duration) []alert.Notification {
	var ns []alert.Notification
	for _, fp := range r.order() {
		if a := r.active[fp]; a.State == alert.Firing {
			a.LastSentAt = at
			if until := at.Add(hold); until.After(a.ValidUntil) {
				a.ValidUntil = until
			}
			ns = append(ns, r.notification(a))
		}
	}
	return ns
}

// testament resolves all that fires: the rule is gone.
func (r *alertingRule) testament(at time.Time) []alert.Notification {
	var ns []alert.Notification
	for _, fp := range r.order() {
		a := r.active[fp]
		if a.State == alert.Firing {
			a.State, a.ResolvedAt, a.LastSentAt = alert.Inactive, at, at
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

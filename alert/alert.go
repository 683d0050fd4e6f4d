// Package alert holds what the engine says: the state of one alert, and what a
// receiver is told about it. It has no logic beyond identity and names, so that
// every stage after the engine can share it without knowing the engine.
package alert

import (
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// State is the state of one alert, in the terms of the Prometheus Alert
// Generator Compliance Specification 1.0. The order is the order of severity:
// the state of a rule is the highest state of its alerts.
type State uint8

const (
	// Inactive is an alert that was firing and no longer is. It is kept for
	// 15 minutes, so that its end reaches receivers that were away.
	Inactive State = iota
	// Pending is an alert whose expression returns it, for less than the
	// rule's `for`.
	Pending
	// Firing is an alert that receivers are told about.
	Firing
)

// String is the name that Prometheus's API and its ALERTS series use.
func (s State) String() string {
	switch s {
	case Inactive:
		return "inactive"
	case Pending:
		return "pending"
	case Firing:
		return "firing"
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// Fingerprint identifies an alert within its rule: the hash of its labels.
type Fingerprint uint64

// Alert is one element that an alerting rule returned, and what became of it.
// Times are zero where they do not apply. Alerts in snapshots are copies and
// must not be changed: the engine alone owns the live ones.
type Alert struct {
	State State
	// Labels identify the alert: the labels of the element without its metric
	// name, the rule's labels (templates filled in) and alertname.
	Labels      labels.Labels
	Annotations labels.Labels
	// Value is what the expression returned when it last returned this alert.
	Value float64

	ActiveAt        time.Time // first evaluation that returned it
	FiredAt         time.Time // became firing
	ResolvedAt      time.Time // stopped firing; zero while active
	KeepFiringSince time.Time // not returned since, firing by keep_firing_for
	HeldSince       time.Time // not returned since, held for want of evidence
	LastSentAt      time.Time // last handed to notify
	ValidUntil      time.Time // endsAt of the last hand-over
}

// Fingerprint is the alert's identity within its rule.
func (a *Alert) Fingerprint() Fingerprint { return Fingerprint(a.Labels.Hash()) }

// Notification is what a receiver is told about one alert, before external
// labels. An EndsAt that is not after the moment of sending means resolved.
type Notification struct {
	Labels       labels.Labels
	Annotations  labels.Labels
	StartsAt     time.Time
	EndsAt       time.Time
	GeneratorURL string
	// Resolved says that the alert has ended: EndsAt is when.
	Resolved bool
	// News: the alert has just begun to fire or ended. All else repeats what was
	// said before.
	News bool
}

// Fingerprint is the identity of the notification's alert.
func (n *Notification) Fingerprint() Fingerprint { return Fingerprint(n.Labels.Hash()) }

// RuleID names the alerting rule that an alert belongs to, across restarts and
// reloads.
type RuleID struct {
	File, Group string
	// Name is the alert's name, Labels the rule's own labels as written.
	Name, Labels string
	// Recording tells a recording rule, which has no alerts, from an alerting one.
	Recording bool `json:",omitempty"`
	// Index tells apart rules of one group that are equal in all of the above.
	Index int
}

// Record is one alert with the rule that it belongs to: what must outlive the
// process.
type Record struct {
	Rule  RuleID
	Alert Alert
}

// Changes are what one evaluation changed: Upserts replace what is known of
// their alerts, Deletes forget theirs.
type Changes struct {
	Upserts []Record
	Deletes []Key
	// News are what receivers are to be told because of these changes.
	News []Notification
	// Replace: the Upserts are all there is.
	Replace bool
	// At is the time of the evaluation; zero if there was none.
	At time.Time
}

// Key identifies a Record.
type Key struct {
	Rule        RuleID
	Fingerprint Fingerprint
}

package engine

import (
	"time"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/rules"
)

// Snapshot is what the engine knew after its last tick. It is immutable, so
// any goroutine may read it for as long as it likes.
type Snapshot struct {
	// At is the timestamp of the last evaluation; zero before the first.
	At time.Time
	// Groups in the order of files and of groups within a file.
	Groups []GroupStatus
}

// GroupStatus is one group and its last evaluation.
type GroupStatus struct {
	Name     string
	File     string
	Interval time.Duration
	Limit    int
	// LastEvaluation is the timestamp of the last evaluation; zero before the
	// first one. EvaluationTime is how long it took.
	LastEvaluation time.Time
	EvaluationTime time.Duration
	Rules          []RuleStatus
}

// Health of a rule, in the words of Prometheus's API.
type Health string

// A rule is unknown until its first evaluation, then ok or err by its last one.
const (
	HealthUnknown Health = "unknown"
	HealthOK      Health = "ok"
	HealthErr     Health = "err"
)

// RuleStatus is one rule and its last evaluation.
type RuleStatus struct {
	Rule           *rules.Rule
	Health         Health
	LastError      string // empty if Health is not HealthErr
	LastEvaluation time.Time
	EvaluationTime time.Duration
	// State is the highest state of Alerts; meaningless for recording rules.
	State alert.State
	// HeldBack is how many alerts the limits of the group and of all rules together
	// keep out.
	HeldBack int
	// Alerts in the order of their labels: pending, firing, and, for 15
	// minutes, those that have ended (Inactive).
	Alerts []alert.Alert
}

package engine

import (
	"log/slog"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine/plan"
)

// Defaults where an option is zero.
const (
	DefaultInterval    = 15 * time.Second
	DefaultResendDelay = time.Minute
	DefaultHoldLimit   = time.Hour
	DefaultPauseHold   = 15 * time.Minute
)

// Options are what the engine reads from, writes to, and goes by.
type Options struct {
	Queryable  storage.Queryable
	Appendable storage.AppendableV2
	// Notify takes what is to be sent. It must not block. May be nil.
	Notify func([]alert.Notification)
	// Journal takes every change of state, before it is sent. An error means
	// that the change may not survive the process; evaluation goes on. It is
	// called from several goroutines. May be nil.
	Journal func(alert.Changes) error
	// Counting is told of each evaluation after which some time runs, of a `for`, a
	// keep_firing_for or a hold, and how long the shortest of them is as a whole. It is
	// called from several goroutines. May be nil.
	Counting func(at time.Time, shortest time.Duration)
	// Interval is that of groups without their own; ScrapeInterval that of the
	// ticks that follow a scrape.
	Interval, ScrapeInterval time.Duration
	// Now is the present as a tick would tell it, Up and Restoring left out, for what
	// is decided between ticks; nil is the wall clock.
	Now func() Tick
	// Oldest is the time of the oldest sample that storage has; zero if it has none.
	// What reaches further back sees less than there was. May be nil.
	Oldest func() time.Time
	// ResendDelay is the least time between two notifications of an unchanged
	// alert.
	ResendDelay time.Duration
	// Identity tells this host from all others that alert to the same receivers, over
	// restarts too: notifications of unchanged alerts, and the slots of groups that keep
	// their own time, are spread by it. It may become known, or change, at any time, and
	// is called from several goroutines. Nil or empty spreads nothing.
	Identity func() string
	// AlertLimit is how many alerts all rules together may have, pending and
	// firing; what is beyond it waits. Zero is no limit.
	AlertLimit int
	// HoldLimit is how long an alert is held for want of evidence.
	HoldLimit time.Duration
	// PauseHold is how long receivers are asked to keep firing alerts when the
	// engine pauses.
	PauseHold time.Duration
	// RuleTimeout is how long the evaluation of one rule may take, its templates
	// too; zero means the interval of its group, 5 s at least and 2 min at most.
	RuleTimeout time.Duration
	// Observe gets the state of a group after each of its evaluations. It is
	// called from several goroutines. May be nil.
	Observe func(GroupStatus)
	// NoAnnotations leaves annotations empty, for those who only ask what fires
	// and when: their templates cost more than most expressions.
	NoAnnotations bool
	// Plan evaluates the expressions of all rules together; it must be what
	// everything is written through, Appendable too. Nil evaluates each on its own.
	Plan *plan.Plan
	// Foresight is for those who replay history; nil where there is a present.
	Foresight *Foresight
	// ExternalLabels and ExternalURL are for templates and generator URLs.
	ExternalLabels labels.Labels
	ExternalURL    *url.URL
	Logger         *slog.Logger
	Registerer     prometheus.Registerer
}

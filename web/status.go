package web

import (
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// State is where the process stands between StartMetrics and StopMetrics.
type State string

// A process is idle until the first StartMetrics, and paused from a StopMetrics
// to the next StartMetrics.
const (
	Idle    State = "idle"
	Running State = "running"
	Paused  State = "paused"
)

// Status is what the page shows beside the engine's snapshot. Times are zero
// where the thing has not happened. The handler does not change it and does not
// keep it; passwords in URLs are hidden by the handler.
type Status struct {
	State   State
	Since   time.Time // when State began
	Version string
	// ExternalLabels are on every alert that leaves; they name this host.
	ExternalLabels labels.Labels
	// Problems are what the user should repair, the worst first.
	Problems []Problem
	Targets  []Target
	// Dropped is how many targets relabelling has left out, by job.
	Dropped       map[string]int
	Alertmanagers []Alertmanager
	RemoteWrites  []RemoteWrite
	Settings      []Setting
	Storage       Storage
	Process       Process
	Clock         Clock
}

// Clock is the machine's clock against the time that samples and alerts bear.
type Clock struct {
	// Wall is what the machine takes for the time, Ahead how far the time of samples
	// is ahead of it.
	Wall  time.Time
	Ahead time.Duration
	// Since the start of the process: Stepped is by how much the time of samples
	// jumped, all steps together, Slept for how long the machine slept.
	Stepped, Slept time.Duration
	// Untrusted: it reads a time before this version was made.
	Untrusted bool
}

// Process is what the API tells of the process and its rules.
type Process struct {
	Started time.Time
	// Written is how many bytes it has sent towards disks since then; 0 if none, or
	// where the kernel does not tell.
	Written int64
	// RulesRead is when the rule files were last read, RulesGood whether all of
	// them could be used.
	RulesRead time.Time
	RulesGood bool
}

// RuleFileProblem is the kind of what is wrong with rule files, which stands on the
// page of rules too.
const RuleFileProblem = "rule file"

// Problem is something that the user should repair.
type Problem struct {
	// Kind is a noun or two in lower case: "rule file", "setting", "storage".
	Kind string
	// Where is file:line:col, the name of the setting, or empty.
	Where string
	Text  string
	// Hint is what to do about it; may be empty.
	Hint string
	// Runs is what runs in its place, of a rule file.
	Runs string
}

// Health of a target, in the words of Prometheus's API.
type Health string

// A target is unknown until its first scrape, then up or down by its last one.
const (
	Up      Health = "up"
	Down    Health = "down"
	Unknown Health = "unknown"
)

// Target is one scraped endpoint and its last scrape.
type Target struct {
	Job, Instance, URL string
	// ScrapeURL is what the request asks for.
	ScrapeURL string
	// Labels may repeat job and instance; these are not shown twice. Discovered
	// are those that they were made from.
	Labels, Discovered labels.Labels
	Health             Health
	LastScrape         time.Time
	LastScrapeDuration time.Duration
	LastError          string // empty if Health is not Down
	Interval, Timeout  time.Duration
}

// Alertmanager is one receiver and how delivery to it goes.
type Alertmanager struct {
	// URL is empty while discovery has found none: this is who is told then, and waits.
	URL string
	// Origin is where it comes from: setting, or the discovery that found it; empty if
	// that is not known yet. LostSince is since when discovery does not show it any more;
	// zero if it does.
	Origin    string
	LostSince time.Time
	// Pending is the number of alerts whose latest state it has not taken yet.
	Pending int
	// NextTry is when delivery is tried again after LastError; zero otherwise.
	LastSuccess, LastAttempt, NextTry time.Time
	LastError                         string // of the last attempt; empty if it succeeded
	// LastRejection names the last alert that it has refused, and why; empty if
	// there is none.
	LastRejection string
	// Alerts since the start of the process: Sent were taken, Failed were part of
	// a request that was not and is repeated, Dropped are lost.
	Sent, Failed, Dropped uint64
	// Undelivered is how many beginnings and ends of alerts it has yet to be told
	// of, OldestUndelivered since when the first of them waits. Late is how often it
	// was told of what was over by then.
	Undelivered       int
	OldestUndelivered time.Time
	Late              uint64
	// Restarts is how often it was found to have restarted, LastRestart when it
	// last was started.
	Restarts    uint64
	LastRestart time.Time
	// ClockOffset is how far its clock is ahead of ours.
	ClockOffset time.Duration
}

// RemoteWrite is one remote end that samples are written to.
type RemoteWrite struct {
	Name, URL string
	Protocol  string // 1.0 or 2.0
	// Behind is the age of the oldest sample that it has not taken.
	Behind      time.Duration
	LastSuccess time.Time
	LastError   string // of the last request; empty if it succeeded
	// CatchingUp: what was not sent from From to To is read from storage.
	CatchingUp bool
	From, To   time.Time
	// Samples: Pending wait in memory, Sent were taken, Lost were refused for good or
	// were too old to be sent.
	Pending    int
	Sent, Lost uint64
}

// Setting is one setting as it is in effect.
type Setting struct {
	Name, Value string
	// Source is default, environment or flag.
	Source string
	// Flag is the name of the flag, without dashes.
	Flag string
}

// Storage is the state of the time series store.
type Storage struct {
	// Mode is disk or memory; empty while the store is not open.
	Mode string
	Path string
	// Bytes on disk, blocks and write-ahead log together.
	Bytes int64
	// RetentionTime and RetentionBytes are the limits; zero means none.
	RetentionTime  time.Duration
	RetentionBytes int64
	Blocks         int
	Series         uint64    // in memory
	Oldest         time.Time // of the samples
	// Repairs is how many times this process has repaired it.
	Repairs int
	// Trouble says what is wrong if the store is degraded; empty if it is not.
	Trouble string
}

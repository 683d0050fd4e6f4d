// Package remotewrite sends what storage takes to other stores, by Prometheus's
// remote-write protocol, 1.0 and 2.0.
//
// One remote owns one queue in memory, bounded, of what was committed and not
// acknowledged yet, in the order of the commits, and a mark on the disk: all samples
// up to it are acknowledged. What the queue does not hold (before the start, after an
// outage that was longer than it) is read from storage, in the order of time, as far
// back as storage reaches. So nothing is asked of the write-ahead log, which storage
// cuts, moves and does without, and nothing of this holds the TSDB open for longer
// than one bounded read.
//
// Invariants: a sample is given up only when the remote has refused it for good, or
// when storage or sample_age_limit no longer has it; one request is under way to each
// remote, so that the order of a series is kept; a commit never waits.
package remotewrite

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// Options says where samples are read and what is known of them.
type Options struct {
	// Dir is where the mark of each remote is kept, in a file of its own; if empty,
	// what was not sent when the process ended is not sent by the next.
	Dir string
	// Queryable is what has been stored, for what the queue no longer holds.
	Queryable storage.Queryable
	// Now is the time that samples bear. The default is time.Now.
	Now func() time.Time
	// Metadata lists what is known of metric families. The default is nothing.
	Metadata   func() []Metadata
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Metadata is what targets say of a metric family.
type Metadata struct {
	Family, Help, Unit string
	Type               model.MetricType
}

// Writer sends to all remotes of a configuration. Its methods may be called from
// any goroutine, Run from one at a time.
type Writer struct {
	opts Options
}

// New makes a Writer without remotes, which sends nothing before Run.
func New(o Options) *Writer { return &Writer{opts: o} }

// Appendable is next with an ear at its commits: everything that is to be sent must
// be appended through it. Without remotes it costs nothing.
func (w *Writer) Appendable(next storage.AppendableV2) storage.AppendableV2 { return next }

// Apply makes cfgs the remotes, and external the labels that each sample bears
// unless it has them. Remotes that stay as they were go on undisturbed. On error,
// which names the entry, all stays as it was. It may be called before, during and
// between Run.
func (w *Writer) Apply(cfgs []*config.RemoteWriteConfig, external labels.Labels) error { return nil }

// Run sends until ctx ends, then for at most a second what is left; marks are
// durable when it returns. It may be called again. Storage should be open.
func (w *Writer) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Status is how sending to one remote goes.
type Status struct {
	Name string
	// URL bears no password and no parameters.
	URL string
	// Protocol is that which is spoken now: "1.0", or "2.0".
	Protocol    string
	LastSuccess time.Time // zero: none in this process
	// LastError is empty when the last request succeeded, or none was sent yet.
	LastError   string
	LastErrorAt time.Time
	// Behind is the age of the oldest sample that is not acknowledged.
	Behind time.Duration
	// Pending samples are in the queue; what is still to be read is not counted.
	Pending int
	// Sent, Rejected and Expired are samples of this process: acknowledged, refused
	// by the remote for good, and older than sample_age_limit. Failed are requests
	// that are tried again.
	Sent, Rejected, Expired, Failed uint64
	// CatchingUp: samples from From on are read from storage, up to To.
	CatchingUp bool
	From, To   time.Time
}

// Status is that of each remote, in the order of the configuration.
func (w *Writer) Status() []Status { return nil }

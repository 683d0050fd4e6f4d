package scrape

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// JobsOptions say where the samples of the jobs go, and who hears of their targets.
type JobsOptions struct {
	// Appendable takes the samples.
	Appendable storage.AppendableV2
	// Clock is as in Options.
	Clock func() (at time.Time, ahead time.Duration)
	// Dial connects to targets, over network "tcp" or "unix". Nil is the network.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Heard is told what becomes of each target; see Report. May be nil.
	Heard func(Report)
	// Stored tells the names of the metrics that storage has with these labels, and
	// whether it knows. May be nil.
	Stored func(ls labels.Labels) (names []string, ok bool)
	// Identity tells hosts apart: it spreads their scrapes. May be nil.
	Identity   func() string
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Report is what became of one scrape of one target, or of the target itself. That
// of a failed scrape comes before its stale markers are in storage, that of a good
// one after its samples are.
type Report struct {
	// Target is the same as long as job, URL and labels are.
	Target string
	// Job is the job_name.
	Job string
	// Labels are those which all its samples surely bear.
	Labels labels.Labels
	// Names tells whether the target may bring series of that metric name; nil: of
	// any. It may be called by any goroutine at any time.
	Names func(string) bool
	// At is the time of the scrape, or of the news.
	At       time.Time
	Interval time.Duration
	// Up tells whether the target answered, within the limits, and storage took its
	// samples.
	Up bool
	// Waiting: it is known, but not scraped yet since the start, or since it was
	// discovered. It may stand for all targets of a job whose discovery has not
	// answered yet.
	Waiting bool
	// Gone: it is no target any more.
	Gone bool
}

// Jobs scrapes the targets of a Prometheus configuration's scrape_configs while
// Run runs.
type Jobs struct {
	opts JobsOptions
}

// NewJobs starts nothing.
func NewJobs(opts JobsOptions) *Jobs { return &Jobs{opts: opts} }

// Apply takes the scrape_configs of a configuration that Prometheus's reader has
// read; nil has none. What is not changed is scraped on as if nothing had been. It
// may be called at any time; with an error all stays as it was.
func (j *Jobs) Apply(cfg *config.Config) error { return nil }

// Run discovers and scrapes until ctx is done, and does not wait for targets that
// hang. Nothing is stored after it has returned; it may be called again then.
func (j *Jobs) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Targets tells the state of all targets, by job and instance.
func (j *Jobs) Targets() []TargetStatus { return nil }

// Metadata tells what the targets said of their metrics, by name.
func (j *Jobs) Metadata() []Metadata { return nil }

// Dropped counts the targets that relabelling dropped, by job.
func (j *Jobs) Dropped() map[string]int { return nil }

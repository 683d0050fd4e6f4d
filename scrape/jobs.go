package scrape

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// JobsOptions say where the samples of the jobs go, and who hears of their targets.
type JobsOptions struct {
	// Appendable takes the samples.
	Appendable storage.AppendableV2
	// Clock is as in Options; it is asked when the first sample of a scrape is there, and
	// by many goroutines.
	Clock func() (at time.Time, ahead time.Duration)
	// Dial connects to targets, over network "tcp" or "unix". Nil is the network.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Heard is told what becomes of each target; see Report. It must not block, nor call
	// back. May be nil.
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
	// Names tells whether the target may bring series of that metric name, "up" and
	// others that the scrape itself makes among them; nil: of any. It may be called by
	// any goroutine at any time.
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

// Jobs scrapes the targets of a Prometheus configuration's scrape_configs while Run
// runs, by Prometheus's own managers. Targets may be sockets, unix:///path. A job that
// has no limits of its own has those of the engine's own target. What it is asked
// between runs it answers by what it knew. All methods may be called by any goroutine.
type Jobs struct {
	opts JobsOptions
	log  *slog.Logger
	// complaints are the managers', whose logger is quiet.
	complaints *complaints
	// changed has a token when there is another plan.
	changed chan struct{}

	settling sync.Mutex          // serialises what makes targets come and go
	plan     *plan               // guarded by settling
	found    map[string]findings // guarded by settling, by job

	mu      sync.Mutex // held while Heard is called: reports come in their order
	running bool       // guarded by mu
	known   survey     // guarded by mu
}

// findings are what discovery has found of one job.
type findings struct {
	groups []*targetgroup.Group
	whole  bool // all its discoveries have answered
}

// NewJobs starts nothing.
func NewJobs(opts JobsOptions) *Jobs {
	setTolerance()
	opts.Logger, opts.Registerer, opts.Clock = defaults(opts.Logger, opts.Registerer, opts.Clock)
	if opts.Heard == nil {
		opts.Heard = func(Report) {}
	}
	if opts.Stored == nil {
		opts.Stored = func(labels.Labels) ([]string, bool) { return nil, false }
	}
	if opts.Identity == nil {
		opts.Identity = func() string { return "" }
	}
	return &Jobs{
		opts: opts, log: opts.Logger.With("component", "jobs"), complaints: newComplaints(), changed: make(chan struct{}, 1), plan: noJobs(),
	}
}

// Apply takes the scrape_configs of a configuration that Prometheus's reader has
// read; nil has none. What is not changed is scraped on as if nothing had been. It
// may be called at any time, and does not wait for targets; with an error all stays
// as it was.
func (j *Jobs) Apply(cfg *config.Config) error {
	p := noJobs()
	if cfg != nil {
		var err error
		if p, err = newPlan(cfg, j.log); err != nil {
			return err
		}
	}
	j.settling.Lock()
	defer j.settling.Unlock()
	found := map[string]findings{}
	for _, job := range p.jobs {
		name := job.JobName
		before, ok := j.found[name]
		if !ok || !reflect.DeepEqual(p.discoveries[name], j.plan.discoveries[name]) {
			before = sought(job, before.groups)
		}
		found[name] = before
	}
	j.plan, j.found = p, found
	j.complaints.keep(slices.Collect(maps.Keys(found)))
	j.settle()
	select {
	case j.changed <- struct{}{}:
	default:
	}
	return nil
}

// sought is what is known of a job whose discoveries are yet to be asked: what is in
// the configuration itself, and what was found before.
func sought(job *config.ScrapeConfig, before []*targetgroup.Group) findings {
	list := job.ServiceDiscoveryConfigs
	if isStatic(list) {
		return findings{staticGroups(list), true}
	}
	return findings{merged(before, staticGroups(list)), false}
}

// answered takes what the discoveries of a plan have found. It is false, and nothing,
// if there is another plan by now.
func (j *Jobs) answered(p *plan, sets map[string][]*targetgroup.Group) bool {
	j.settling.Lock()
	defer j.settling.Unlock()
	if j.plan != p {
		return false
	}
	for name, before := range j.found {
		set, ok := sets[name]
		if !ok {
			continue
		}
		groups, n := withoutAnswers(set)
		whole := n >= len(p.discoveries[name])
		if !whole {
			groups = merged(before.groups, groups)
		}
		j.found[name] = findings{groups, whole}
	}
	j.settle()
	return true
}

// resume is the begin of a run.
func (j *Jobs) resume() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.running = true
}

// suspend is the end of a run: nothing is known any more of what may have changed.
func (j *Jobs) suspend() {
	j.settling.Lock()
	defer j.settling.Unlock()
	for _, job := range j.plan.jobs {
		j.found[job.JobName] = sought(job, j.found[job.JobName].groups)
	}
	at, _ := j.opts.Clock()
	j.mu.Lock()
	j.running = false
	for _, id := range j.known.order {
		s := j.known.sources[id]
		s.waiting = true
		j.tell(s, at)
	}
	j.mu.Unlock()
	j.settle()
}

// groups are what the scrape manager is to have; it is not ok while nothing is known.
func (j *Jobs) groups() (sets map[string][]*targetgroup.Group, ok bool) {
	j.settling.Lock()
	defer j.settling.Unlock()
	sets = map[string][]*targetgroup.Group{}
	for name, f := range j.found {
		sets[name] = f.groups
		ok = ok || f.whole || len(f.groups) > 0
	}
	return sets, ok || len(sets) == 0
}

func (j *Jobs) current() *plan {
	j.settling.Lock()
	defer j.settling.Unlock()
	return j.plan
}

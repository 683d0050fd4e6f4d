// Package scrape turns targets into samples in storage. It runs Prometheus's
// own scrape manager, and adds what the engine needs of it: a call after each
// commit, an immediate first scrape, and a stop that does not wait for a target
// that hangs.
//
// Invariants: after Run has returned nothing is appended any more; a scrape that
// was cut off by the stop leaves no sample, so that a pause never looks like a
// target that is down.
package scrape

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
)

// Limits of one scrape. A target beyond them counts as down: a wrong URL must
// not fill the disk.
const (
	defaultBodySizeLimit = 64 << 20
	defaultSampleLimit   = 200_000
	labelLimit           = 64
	labelValueLimit      = 8 << 10
	maxScrapeTimeout     = 10 * time.Second
)

// Options say what to scrape, how often, and where the samples go.
type Options struct {
	Target Target
	// Interval between scrapes. A scrape takes at most as long, and never more
	// than 10 s.
	Interval time.Duration
	// Appendable takes the samples.
	Appendable storage.AppendableV2
	// Committed is called after each scrape, when its samples, or the fact that
	// it failed, are in storage. It is called from the scraping goroutine and
	// must not block. May be nil.
	Committed func(Scraped)
	// Committing is called before that, when the samples are about to be stored: who
	// evaluates in between knows what it sees. May be nil.
	Committing func(Scraped)
	// Clock gives the time that a scrape which begins now is to bear, and how far
	// that is ahead of the wall clock. Nil is the wall clock.
	Clock func() (at time.Time, ahead time.Duration)
	// Dial connects to the target. Nil is the network.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// BodySizeLimit (bytes, uncompressed) and SampleLimit bound one scrape; zero
	// means 64 MiB and 200,000.
	BodySizeLimit int
	SampleLimit   int
	// Identity tells hosts apart: after the first scrape the others move to a phase
	// of the interval that it gives. Nil, or as long as it is empty: they stay.
	Identity func() string
	// Stored is as in JobsOptions; it is asked when Run begins. May be nil.
	Stored     func(ls labels.Labels) (names []string, ok bool)
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Scraped is one finished scrape.
type Scraped struct {
	// At is the timestamp that its samples bear.
	At time.Time
	// Up tells whether the target answered, within the limits, and storage took
	// its samples.
	Up bool
	// Restoring tells that the target is a Docker engine that has not restored
	// its containers yet: all its counts read 0.
	Restoring bool
	// DaemonID is what a Docker engine calls itself; empty if it did not say.
	DaemonID string
}

// Scraper scrapes one target while Run runs. Run may be called again after it
// has returned; Targets and Names may be called at any time.
type Scraper struct {
	opts   Options
	log    *slog.Logger
	config *config.Config
	names  names
	// target is the manager's; nil while Run does not run.
	target atomic.Pointer[scrape.Target]
	// scraped has a token once a scrape is finished.
	scraped chan struct{}
	// underWay is read by scrapes from their begin to their end, but for those that begin
	// while it is held: what is changed then is not what they read first.
	underWay sync.RWMutex
}

// tolerance is how late a scrape may come and still bear the time that it was
// due at, bounded by Prometheus to 1 % of the interval. Regular timestamps
// compress better, and `for` counts whole intervals.
const tolerance = 150 * time.Millisecond

var setTolerance = sync.OnceFunc(func() { scrape.ScrapeTimestampTolerance = tolerance })

// New checks the options; it starts nothing. An error means that the target is
// not one that can be scraped.
func New(opts Options) (*Scraper, error) {
	setTolerance()
	opts.Logger, opts.Registerer, opts.Clock = defaults(opts.Logger, opts.Registerer, opts.Clock)
	if opts.Committed == nil {
		opts.Committed = func(Scraped) {}
	}
	if opts.Committing == nil {
		opts.Committing = func(Scraped) {}
	}
	if opts.Stored == nil {
		opts.Stored = storesNothing
	}
	if opts.Identity == nil {
		opts.Identity = func() string { return "" }
	}
	if opts.BodySizeLimit == 0 {
		opts.BodySizeLimit = defaultBodySizeLimit
	}
	if opts.SampleLimit == 0 {
		opts.SampleLimit = defaultSampleLimit
	}
	cfg, err := scrapeConfig(opts)
	if err != nil {
		return nil, fmt.Errorf("configure scrape of %s: %w", opts.Target.Redacted(), err)
	}
	return &Scraper{
		opts: opts, log: opts.Logger.With("component", "scrape"), config: cfg, scraped: make(chan struct{}, 1),
	}, nil
}

// defaults of what nobody has to give.
func defaults(log *slog.Logger, reg prometheus.Registerer, clock func() (time.Time, time.Duration)) (*slog.Logger, prometheus.Registerer, func() (time.Time, time.Duration)) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	if clock == nil {
		clock = func() (time.Time, time.Duration) { return time.Now(), 0 }
	}
	return log, reg, clock
}

// Run scrapes at once and then on the interval, until ctx is done. Only then,
// or if it cannot start, does it return.
func (s *Scraper) Run(ctx context.Context) error {
	if s.names.filter() == nil {
		s.names.remember(s.opts.Stored(s.opts.Target.Labels()))
	}
	conns := newConnections(s.opts.Dial, s.opts.Target.socket)
	gate := &gate{to: s.opts.Appendable, clock: s.opts.Clock, follow: s.follow}
	own := prometheus.NewRegistry()
	m, err := scrape.NewManager(&scrape.Options{
		DiscoveryReloadOnStartup: true,
		// The manager spreads first scrapes over an interval, for the sake of
		// servers with many targets. We have one, next door.
		InitialScrapeOffset:   -s.opts.Interval,
		PassMetadataInContext: true, // the target, for the gate
		HTTPClientOptions:     conns.clientOptions(),
	}, s.log, nil, nil, gate, own)
	if err != nil {
		return fmt.Errorf("make scrape manager: %w", err)
	}
	withdraw, err := expose(own, s.opts.Registerer)
	if err != nil {
		return err
	}
	defer withdraw()
	if err := m.ApplyConfig(s.config); err != nil {
		return fmt.Errorf("apply scrape config: %w", err)
	}
	cut := func() {
		gate.shut()
		conns.closeAll()
	}
	defer context.AfterFunc(ctx, cut)()
	sets := make(chan map[string][]*targetgroup.Group, 1)
	sets <- map[string][]*targetgroup.Group{s.opts.Target.Job: {s.opts.Target.group()}}
	done := make(chan error, 1)
	go func() { done <- m.Run(sets) }()
	s.moveToPhase(ctx, m)

	<-ctx.Done()
	cut()
	m.Stop()
	s.target.Store(nil)
	return <-done
}

// expose registers the metrics of a manager that is whole: it registers some before it
// has filled them in, and others may gather at any time.
func expose(own *prometheus.Registry, to prometheus.Registerer) (withdraw func(), err error) {
	if err := to.Register(own); err != nil {
		return nil, fmt.Errorf("register metrics of scrapes: %w", err)
	}
	return func() { to.Unregister(own) }, nil
}

func (s *Scraper) follow(t *scrape.Target) follower {
	s.target.Store(t)
	return &engineScrape{scraper: s, all: s.names.filter() == nil, counted: s.underWay.TryRLock()}
}

// moveToPhase scrapes once more, at the moment that the identity gives, and on the
// interval from then on: hosts that boot together are not scraped together. Who the
// host is may be known only from its first scrapes.
func (s *Scraper) moveToPhase(ctx context.Context, m *scrape.Manager) {
	identity := ""
	for identity == "" {
		select {
		case <-ctx.Done():
			return
		case <-s.scraped:
			identity = s.opts.Identity()
		}
	}
	select {
	case <-ctx.Done():
	case <-time.After(untilPhase(identity, time.Now(), s.opts.Interval)):
		s.underWay.Lock() // the manager changes what a scrape under way still reads
		defer s.underWay.Unlock()
		if err := m.ApplyConfig(restarted(s.config)); err != nil {
			s.log.Warn("scrapes stay in the phase of the start", "err", err)
		}
	}
}

// Names tells whether the target may bring series of that metric name. Until its first
// good scrape, and one of an engine that starts is none, it may bring any, where storage
// does not know of it either.
func (s *Scraper) Names(name string) bool { return s.names.has(name) }

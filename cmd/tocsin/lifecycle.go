package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/journal"
	"github.com/tocsin/tocsin/notify"
	"github.com/tocsin/tocsin/remotewrite"
	"github.com/tocsin/tocsin/scrape"
	"github.com/tocsin/tocsin/storage"
	"github.com/tocsin/tocsin/web"
)

const (
	// openRetry is how long after something that cannot be opened it is tried again.
	openRetry = 30 * time.Second
	// compactTimeout bounds the compaction of a pause; what is left then stays in
	// the write-ahead log.
	compactTimeout = 5 * time.Minute
)

// lifecycle carries the stages through idle, running, paused, running. Start and
// Stop come from the Docker engine, or from run when there is none.
type lifecycle struct {
	log      *slog.Logger
	store    *storage.Store
	journal  *journal.Journal
	engine   *engine.Engine
	scraper  *scrape.Scraper
	jobs     *scrape.Jobs
	notifier *notify.Notifier
	remote   *remotewrite.Writer
	clock    *clock
	identity *identity
	config   *configbook
	book     *rulebook
	settings settings

	mu      sync.Mutex         // serialises Start, Stop and Close
	session *session           // guarded by mu; nil unless running
	settled chan struct{}      // guarded by mu: closed when the last session and what follows it are over
	cancel  context.CancelFunc // guarded by mu: ends the compaction that follows
	silence context.CancelFunc // guarded by mu: ends the refreshing that follows
	closed  bool               // guarded by mu

	loading  sync.Mutex // serialises reading configuration and rules
	restored bool       // guarded by loading: the journal has been read

	view  sync.Mutex
	state web.State // guarded by view
	since time.Time // guarded by view
	fault string    // guarded by view: why nothing is evaluated
	read  string    // guarded by view: fingerprint of the files that were last read
}

// session is the time between a Start and its Stop.
type session struct {
	stop context.CancelFunc
	done chan struct{}
	err  error // of the pause at its end; readable once done
}

func newLifecycle(log *slog.Logger) *lifecycle {
	settled := make(chan struct{})
	close(settled)
	return &lifecycle{log: log, state: web.Idle, since: time.Now(), settled: settled, cancel: func() {}, silence: func() {}}
}

func (l *lifecycle) setState(s web.State) {
	l.view.Lock()
	defer l.view.Unlock()
	l.state, l.since = s, time.Now()
}

func (l *lifecycle) setFault(f string) {
	l.view.Lock()
	defer l.view.Unlock()
	l.fault = f
}

func (l *lifecycle) status() (state web.State, since time.Time, fault string) {
	l.view.Lock()
	defer l.view.Unlock()
	return l.state, l.since, l.fault
}

func (l *lifecycle) isRunning() bool {
	state, _, _ := l.status()
	return state == web.Running
}

// Start begins to scrape and evaluate, and returns at once: a Docker engine that
// boots waits for it. A second Start changes nothing.
func (l *lifecycle) Start(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil || l.closed {
		return nil
	}
	l.silence()
	l.cancel() // whatever compaction is not done yet: the log has the rest
	ctx, stop := context.WithCancel(context.Background())
	s := &session{stop: stop, done: make(chan struct{})}
	l.session = s
	l.setState(web.Running)
	l.log.Info("started")
	settled := l.settled
	go func() {
		defer close(s.done)
		<-settled
		s.err = l.run(ctx)
	}()
	return nil
}

// Stop ends the evaluation under way, journals, and leaves the last will; then it
// returns, and compaction goes on behind. So does the refreshing of what fires: a
// process that lives through the pause need not let it run out. A second Stop changes
// nothing. When ctx ends first, as over a store that takes long to open, the rest is
// done behind too.
func (l *lifecycle) Stop(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.session
	if s == nil {
		return nil
	}
	l.end(s)
	compacting, cancel := context.WithTimeout(context.Background(), compactTimeout)
	refreshing, silence := context.WithCancel(context.Background())
	settled := make(chan struct{})
	l.settled, l.cancel, l.silence = settled, cancel, silence
	go func() {
		defer close(settled)
		defer cancel()
		<-s.done
		var rest sync.WaitGroup
		rest.Go(func() { l.engine.Remain(refreshing) })
		if err := l.store.Compact(compacting); err != nil {
			l.log.Warn("storage not compacted", "err", err)
		}
		rest.Wait()
	}()
	select {
	case <-s.done:
		return s.err
	case <-ctx.Done():
		return fmt.Errorf("storage is still being opened: %w", ctx.Err())
	}
}

// end begins the end of a session. Called with mu held.
func (l *lifecycle) end(s *session) {
	s.stop()
	l.session = nil
	l.setState(web.Paused)
}

// Close stops for good. Compaction is left to the end of the store, after the
// last notifications; one that a Stop began is waited for until ctx ends.
func (l *lifecycle) Close(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.silence()
	defer context.AfterFunc(ctx, l.cancel)()
	s := l.session
	if s == nil {
		s = &session{done: l.settled} // only a compaction may be under way
	} else {
		l.end(s)
	}
	select {
	case <-s.done:
		return s.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hurry cuts short a compaction that a Stop began.
func (l *lifecycle) hurry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cancel()
}

// run opens what is not open yet, then scrapes and evaluates until ctx is done.
// The engine stops before the scraper, or absent() would fire, and has its last
// word before anything else can hang.
func (l *lifecycle) run(ctx context.Context) error {
	if !l.open(ctx) {
		return nil
	}
	l.engine.Begin() // before the first scrape, which is not to be missed
	background, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { l.scrape(background, l.scraper.Run) })
	running.Go(func() { l.scrape(background, l.jobs.Run) })
	running.Go(func() { l.writeRemote(background) })
	running.Go(func() { l.keepJournal(background) })
	err := l.engine.Run(ctx)
	err = errors.Join(err, l.engine.Pause(l.clock.now()))
	l.log.Info("paused")
	stop()
	running.Wait()
	return err
}

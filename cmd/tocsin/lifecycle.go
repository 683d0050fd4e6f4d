package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/journal"
	"github.com/tocsin/tocsin/scrape"
	"github.com/tocsin/tocsin/storage"
	"github.com/tocsin/tocsin/web"
)

const (
	// openRetry is how long after a store that cannot be opened it is tried again.
	openRetry = 30 * time.Second
	// compactTimeout bounds the compaction of a pause; what is left then stays in
	// the write-ahead log.
	compactTimeout = 5 * time.Minute
)

// lifecycle carries the stages through idle, running, paused, running. Start and
// Stop come from the Docker engine, or from run when there is none.
type lifecycle struct {
	log     *slog.Logger
	store   *storage.Store
	journal *journal.Journal
	engine  *engine.Engine
	scraper *scrape.Scraper
	book    *rulebook

	mu       sync.Mutex // serialises Start and Stop
	session  *session   // guarded by mu; nil unless running
	settled  chan struct{}
	cancel   context.CancelFunc // guarded by mu: ends the compaction of the last pause
	restored bool               // owned by the session: the journal has been read

	view  sync.Mutex
	state web.State // guarded by view
	since time.Time // guarded by view
	fault string    // guarded by view: why the store is not open
}

// session is the time between a Start and its Stop.
type session struct {
	stop context.CancelFunc
	done chan struct{}
}

func newLifecycle(log *slog.Logger) *lifecycle {
	settled := make(chan struct{})
	close(settled)
	return &lifecycle{log: log, state: web.Idle, since: time.Now(), settled: settled, cancel: func() {}}
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

// Start begins to scrape and evaluate, and returns at once: a Docker engine that
// boots waits for it. A second Start changes nothing.
func (l *lifecycle) Start(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil {
		return nil
	}
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
		l.run(ctx)
	}()
	return nil
}

// run opens what is not open yet, then scrapes and evaluates until ctx is done:
// the engine stops before the scraper, or absent() would fire.
func (l *lifecycle) run(ctx context.Context) {
	if !l.open(ctx) {
		return
	}
	scraping, stopScraping := context.WithCancel(context.Background())
	var scraper sync.WaitGroup
	scraper.Go(func() {
		if err := l.scraper.Run(scraping); err != nil {
			l.log.Error("scraping does not start", "err", err)
			l.setFault(err.Error())
		}
	})
	if err := l.engine.Run(ctx); err != nil {
		l.log.Error("engine ended", "err", err)
	}
	stopScraping()
	scraper.Wait()
}

// open opens store and journal, again and again until it can or ctx is done.
func (l *lifecycle) open(ctx context.Context) bool {
	for {
		err := l.tryOpen()
		if err == nil {
			l.setFault("")
			return ctx.Err() == nil
		}
		l.setFault(err.Error())
		l.log.Error("storage cannot be opened, nothing is evaluated", "err", err, "next_try_in", openRetry)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(openRetry):
		}
	}
}

func (l *lifecycle) tryOpen() error {
	if !l.store.Stats().Open {
		if err := l.store.Open(); err != nil {
			return err
		}
	}
	if l.restored {
		return nil
	}
	if err := l.journal.Open(); err != nil {
		// Alerting needs no journal: state will be lost with the process, and is
		// reported with each change.
		l.log.Error("alert state is not durable", "err", err)
	} else if records, at, err := l.journal.Load(); err != nil {
		l.log.Error("alert state of the process before is lost", "err", err)
	} else {
		l.engine.Restore(records, at)
	}
	l.engine.Load(l.book.load())
	l.restored = true
	return nil
}

// Stop ends the evaluation under way, journals, and leaves the last will; then it
// returns, and compaction goes on behind. A second Stop changes nothing.
func (l *lifecycle) Stop(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	paused, err := l.pause()
	if !paused {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), compactTimeout)
	settled := make(chan struct{})
	l.settled, l.cancel = settled, cancel
	go func() {
		defer close(settled)
		defer cancel()
		if err := l.store.Compact(ctx); err != nil && !errors.Is(err, context.Canceled) {
			l.log.Warn("storage not compacted", "err", err)
		}
	}()
	return err
}

// pause ends the session; false if there is none. Called with mu held.
func (l *lifecycle) pause() (paused bool, err error) {
	if l.session == nil {
		return false, nil
	}
	l.session.stop()
	<-l.session.done
	l.session = nil
	l.setState(web.Paused)
	err = l.engine.Pause(time.Now())
	l.log.Info("paused")
	return true, err
}

// Close stops for good. Compaction is left to the end of the store, after the
// last notifications; one that a Stop began is waited for until ctx ends.
func (l *lifecycle) Close(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.pause()
	defer context.AfterFunc(ctx, l.cancel)()
	<-l.settled
	return err
}

// Reload reads the rule files again.
func (l *lifecycle) Reload() {
	l.engine.Load(l.book.load())
}

package main

import (
	"context"
	"errors"
	"time"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/journal"
)

// open opens the store, in memory if the disk refuses, and restores what the
// process before knew. Only another process in the directory makes it wait.
func (l *lifecycle) open(ctx context.Context) bool {
	l.retain()
	for {
		err := l.store.OpenOrFallBack()
		if err == nil {
			l.restore()
			l.setFault("")
			return ctx.Err() == nil
		}
		l.setFault(err.Error())
		l.log.Error("storage cannot be opened, nothing is evaluated", "err", err, "next_try_in", openRetry)
		if !wait(ctx, openRetry) {
			return false
		}
	}
}

// restore reads back the alerts of the process before and loads the rules, once.
// Alerting needs no journal: where it cannot be opened, state ends with the
// process, which is reported, and it is tried again.
func (l *lifecycle) restore() {
	l.loading.Lock()
	defer l.loading.Unlock()
	if l.restored {
		return
	}
	l.load()
	var records []alert.Record
	var asOf time.Time
	err := l.journal.Open()
	if err == nil {
		records, asOf, err = l.journal.Load()
	}
	if err != nil {
		l.log.Error("alert state of the process before cannot be read", "err", err)
	}
	newest := l.store.Newest()
	if asOf.IsZero() && !newest.IsZero() {
		records = l.recover(newest)
	}
	// The journal has only changes: a process that was killed was alive for as long
	// as it stored samples.
	l.clock.start(latest(asOf, newest))
	now := l.clock.now()
	if asOf.IsZero() || !newest.After(now) || asOf.After(now) {
		asOf = latest(asOf, newest) // else what is stored is of a time that never was
	}
	if !asOf.IsZero() {
		l.engine.Restore(records, asOf, now)
	}
	l.restoreOutbox()
	l.restored = true
}

// restoreOutbox hands over what the process before could not deliver, before
// anything else is sent, and before anything is journalled that replaces it.
func (l *lifecycle) restoreOutbox() {
	left, err := l.journal.Undelivered()
	if errors.Is(err, journal.ErrClosed) {
		return // which has been reported
	}
	if err != nil {
		l.log.Error("undelivered alerts of the process before are lost", "err", err)
	}
	l.notifier.Restore(left)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// recover reads the alerts from the series that they left, where the journal has
// never been written or could not be read.
func (l *lifecycle) recover(newest time.Time) []alert.Record {
	ctx, cancel := context.WithTimeout(context.Background(), engine.QueryTimeout)
	defer cancel()
	records, err := l.engine.Recover(ctx, newest)
	if err != nil {
		l.log.Error("alert state of the process before is lost", "err", err)
	} else if len(records) > 0 {
		l.log.Warn("alert state recovered from storage, as there is no journal", "alerts", len(records))
	}
	return records
}

// scrape scrapes until ctx is done, also where it could not begin at first.
func (l *lifecycle) scrape(ctx context.Context, run func(context.Context) error) {
	for ctx.Err() == nil {
		err := run(ctx)
		if err == nil {
			continue
		}
		l.setFault(err.Error())
		l.log.Error("scraping does not start", "err", err, "next_try_in", openRetry)
		wait(ctx, openRetry)
	}
}

// writeRemote writes to the remote ends of the configuration file until ctx is done.
func (l *lifecycle) writeRemote(ctx context.Context) {
	if err := l.remote.Run(ctx); err != nil {
		l.log.Error("remote write has ended", "err", err)
	}
}

// keepJournal opens a journal anew that could not be opened or written, until that
// works. What is known now is then saved again: nothing that has changed meanwhile
// stands in there. The journal asks the notifier for the outboxes.
func (l *lifecycle) keepJournal(ctx context.Context) {
	last := ""
	for wait(ctx, openRetry) {
		if l.journal.IsOpen() {
			continue
		}
		if err := l.journal.Reopen(); err != nil {
			if err.Error() != last {
				last = err.Error()
				l.log.Warn("alert state is not durable", "err", err, "next_try_in", openRetry)
			}
			continue
		}
		l.engine.Resave()
		last = ""
	}
}

// wait returns false if ctx ends first.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

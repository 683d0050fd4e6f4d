package main

import (
	"context"
	"errors"
	"time"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/journal"
)

// open opens the store, again and again until it can or ctx is done, and restores
// what the process before knew.
func (l *lifecycle) open(ctx context.Context) bool {
	for {
		err := l.store.Open()
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
	err := l.journal.Open()
	if err == nil {
		var records []alert.Record
		var asOf time.Time
		if records, asOf, err = l.journal.Load(); err == nil {
			// The journal has only changes: a process that was killed was alive for
			// as long as it stored samples.
			if newest := l.store.Newest(); newest.After(asOf) && newest.Before(time.Now()) {
				asOf = newest
			}
			l.engine.Restore(records, asOf)
		}
	}
	if err != nil {
		l.log.Error("alert state of the process before is lost", "err", err)
	}
	l.restoreOutbox()
	l.engine.Load(l.book.load())
	l.restored = true
}

// restoreOutbox hands over what the process before could not deliver, before
// anything else is sent.
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

// scrape scrapes until ctx is done, also where it could not begin at first.
func (l *lifecycle) scrape(ctx context.Context) {
	for ctx.Err() == nil {
		err := l.scraper.Run(ctx)
		if err == nil {
			continue
		}
		l.setFault(err.Error())
		l.log.Error("scraping does not start", "err", err, "next_try_in", openRetry)
		wait(ctx, openRetry)
	}
}

// keepJournal opens a journal that could not be opened, once it can be: what is
// known now is all that counts, not what stands in there. The journal asks the
// notifier for the outboxes.
func (l *lifecycle) keepJournal(ctx context.Context) {
	for !l.journal.IsOpen() && wait(ctx, openRetry) {
		err := l.journal.Open()
		if err == nil {
			err = l.journal.Save(alert.Changes{Replace: true})
		}
		if err != nil {
			l.log.Warn("alert state is not durable yet", "err", err)
			continue
		}
		l.engine.Resave()
		l.log.Info("alert state is durable again")
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

package storage

import (
	"context"
	"errors"
	"math"
	"time"
)

// goBack returns to the disk if that can be written again, with all samples that
// memory has. Called with life held.
func (s *Store) goBack(ctx context.Context, now time.Time) error {
	f := &s.fallback
	f.next = now.Add(f.rest)
	h, err := s.takeDisk(ctx)
	note := *f.view.Load()
	note.Tried, note.Trouble = now, ""
	if err != nil {
		if changed := err.Error(); changed != f.view.Load().Trouble {
			s.log.Warn("storage cannot return to the disk", "err", err, "next_try_in", f.rest)
		}
		note.Trouble = err.Error()
		f.view.Store(&note)
		return err
	}
	memory := s.publish(h)
	s.appending.open() // takeDisk shut it
	s.retire(memory)
	f.back, f.unread, f.dropLog, f.cut = now, false, false, time.Time{}
	f.view.Store(nil)
	s.metrics.degraded.Set(0)
	s.metrics.returns.Inc()
	s.log.Info("storage has recovered, back on the disk", "after", now.Sub(note.Since).Round(time.Second))
	return nil
}

// takeDisk opens the TSDB on the disk and brings everything there that came
// meanwhile. When it succeeds appenders are held back, so that nothing comes
// between the last sample and the exchange.
func (s *Store) takeDisk(ctx context.Context) (h *handle, err error) {
	soon, cancel := context.WithTimeout(ctx, 2*closeWait)
	defer cancel()
	if !s.awaitRetired(soon) {
		return nil, errors.New("a query still reads what was on the disk")
	}
	if err := errors.Join(s.relock(), s.probe()); err != nil {
		return nil, err
	}
	if err := s.emptyTrash(); err != nil {
		return nil, err
	}
	if s.fallback.dropLog {
		if err := s.cutLog(); err != nil {
			return nil, err
		}
	}
	if s.fallback.unread {
		if _, err := s.setAsideUnreadable(); err != nil {
			return nil, err
		}
	}
	if h, err = s.openTSDB(); err != nil {
		return nil, err
	}
	if cut := s.fallback.cut; !cut.IsZero() && h.reaches(cut.UnixMilli()) {
		if h, err = s.cut(h, cut.UnixMilli()); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	memory := s.open
	s.mu.Unlock()
	if err := s.bringBack(ctx, memory, h); err != nil {
		h.stopCompaction()
		if guard(h.db.Close) != nil {
			err = errors.Join(err, s.closeAnyway(h))
		}
		return nil, err
	}
	return h, nil
}

// errBusy is a return that would lose what somebody is about to append.
var errBusy = errors.New("a scrape or an evaluation does not end")

// bringBack copies what memory has to the disk. What came meanwhile is copied with
// appenders held back, which they are afterwards if it succeeds: not from the last
// sample on, as an evaluation may append at the time of the last scrape, or of one
// before. What is there already is passed over.
func (s *Store) bringBack(ctx context.Context, memory, h *handle) error {
	before := memory.newest()
	if before != math.MinInt64 {
		if _, err := carry(ctx, memory.db, h.db, max(memory.oldest(), before-returnWindow.Milliseconds()), before); err != nil {
			return err
		}
	}
	err := errBusy
	if s.appending.close() {
		err = nil
		if maxt := memory.newest(); maxt != math.MinInt64 {
			mint := max(memory.oldest(), max(before, maxt-returnWindow.Milliseconds())-carrySlice.Milliseconds())
			_, err = carry(ctx, memory.db, h.db, mint, maxt)
		}
	}
	if err != nil {
		s.appending.open()
	}
	return err
}

package storage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/storage"
)

const (
	// returnEvery is how long after leaving the disk, and after each attempt, the
	// store tries to return to it.
	returnEvery = 30 * time.Second
	// returnRest is the longest it waits where the disk is no sooner taken than
	// lost again.
	returnRest = 10 * time.Minute
	// steady is how long the disk must have worked for an earlier loss to count no
	// more.
	steady = 10 * time.Minute
)

// Degraded says that the store has left the disk and goes on in memory.
type Degraded struct {
	Since time.Time
	// Reason is why, and what to do about it.
	Reason string
	// Tried is when the store last tried to return to the disk, and Trouble what
	// came of it; zero before the first time.
	Tried   time.Time
	Trouble string
}

// Text says it in one sentence.
func (d *Degraded) Text() string {
	return fmt.Sprintf("since %s samples are kept in memory, and alerting goes on: %s", d.Since.UTC().Format("2006-01-02 15:04:05"), d.Reason)
}

// Degraded tells whether the store has left the disk.
func (s *Store) Degraded() bool { return s.fallback.view.Load() != nil }

// fallback is the state of a store that has left the disk, or did so lately.
// Guarded by Store.life, but for view.
type fallback struct {
	view atomic.Pointer[Degraded] // nil on the disk
	next time.Time                // not tried before
	rest time.Duration            // between attempts
	back time.Time                // when it last returned
	// unread: a part of the disk could not be read, so all of it is read through
	// before it is trusted again.
	unread bool
	// dropLog: the log is too large, and goes at the return.
	dropLog bool
	// cut is the last time of CutOver, which what is on the disk still awaits;
	// zero if none does.
	cut time.Time
	// retiring is closed when the TSDB of the disk that was left is.
	retiring chan struct{}
}

// doubt is a failure of the TSDB that is, or was, open.
type doubt struct {
	handle *handle
	err    error
}

// suspect notes that a TSDB on the disk failed: it is left as soon as can be.
func (s *Store) suspect(h *handle, err error) {
	if h.memory {
		return // there is nowhere else to go
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == h && s.doubt == nil {
		s.doubt = &doubt{h, err}
		s.upkeep.signal()
	}
}

// leaveSuspect leaves the disk if the TSDB there has failed. Called with life
// held.
func (s *Store) leaveSuspect() {
	s.mu.Lock()
	d := s.doubt
	s.doubt = nil
	if d != nil && d.handle != s.open {
		d = nil // it is not open any more
	}
	s.mu.Unlock()
	if d == nil || s.closed {
		return
	}
	if err := s.fallBack(d.err); err != nil {
		s.log.Error("storage failed, and there is no memory to go on in", "err", errors.Join(err, d.err))
	}
}

// fallBack goes on in memory, with the recent samples of the TSDB that is open,
// or else of what can be read on the disk. Called with life held.
func (s *Store) fallBack(reason error) error {
	s.appending.close()
	defer s.appending.open()
	return s.fallBackShut(reason)
}

// fallBackShut is fallBack for who holds appenders back already.
func (s *Store) fallBackShut(reason error) error {
	h, err := s.openMemory()
	if err != nil {
		return fmt.Errorf("go on in memory: %w", err)
	}
	s.mu.Lock()
	from := s.open
	s.mu.Unlock()
	if from != nil { // who did not end in time commits nothing behind the copy
		from.replaced.Store(true)
	}
	n := s.rescue(from, h)
	s.publish(h)
	if from != nil {
		s.retire(from)
	}
	if s.opts.Memory {
		s.log.Warn("the data directory cannot be used, which memory mode can do without", "err", reason)
		return nil
	}
	now := time.Now()
	f := &s.fallback
	if now.Sub(f.back) > steady {
		f.rest = 0
	}
	f.rest = min(max(returnEvery, 2*f.rest), returnRest)
	f.next = now.Add(f.rest)
	f.unread = f.unread || !isRefusal(reason)
	f.view.Store(&Degraded{Since: now, Reason: fmt.Sprintf("%v: %s", reason, advice(reason))})
	s.metrics.degraded.Set(1)
	s.metrics.fallbacks.Inc()
	s.log.Error("storage has left the disk and goes on in memory", "err", reason, "do", advice(reason), "samples", n, "next_try_in", f.rest)
	return nil
}

// rescue copies recent samples into memory: from the whole TSDB, or only from its
// head where blocks cannot be read, or from the files if none is open.
func (s *Store) rescue(from, to *handle) (n int) {
	ctx := context.Background()
	if from == nil {
		hist, err := openHistory(s.opts.Dir, s.memoryDir)
		if err != nil {
			return 0
		}
		defer hist.Close()
		_, newest, ok := hist.Bounds()
		if !ok {
			return 0
		}
		maxt := min(newest.UnixMilli(), s.fallback.bound())
		n, err = carry(ctx, hist, to.db, windowFor(ctx, hist, maxt), maxt)
		if err != nil {
			s.log.Warn("recent samples cannot be read", "err", err)
		}
		return n
	}
	from.users.Add(1)
	defer from.users.Done()
	maxt := from.newest()
	if maxt == math.MinInt64 {
		return 0
	}
	maxt = min(maxt, s.fallback.bound())
	for _, source := range []storage.Queryable{from.db, headOnly{from.db.Head()}} {
		copied, err := carry(ctx, source, to.db, windowFor(ctx, source, maxt), maxt)
		n += copied
		if err == nil {
			break
		}
		s.log.Warn("recent samples cannot all be read", "err", err)
	}
	return n
}

// closeWait bounds how long a TSDB may take to close: a read that ended in a fault
// has left its mark on a block, which waits for that reader for ever.
const closeWait = time.Second

var errHangs = errors.New("it does not close")

// retire closes a TSDB that is not open any more, behind its last users.
func (s *Store) retire(h *handle) {
	done := make(chan struct{})
	s.fallback.retiring = done
	h.stopCompaction()
	go func() {
		defer close(done)
		h.users.Wait()
		closed := make(chan error, 1)
		go func() { closed <- guard(h.db.Close) }()
		var err error
		select {
		case err = <-closed:
		case <-time.After(closeWait):
			err = errHangs
		}
		if err != nil && !h.memory {
			err = s.closeAnyway(h)
		}
		if h.memory {
			err = errors.Join(err, os.RemoveAll(h.dir))
		}
		if err != nil {
			s.log.Warn("what was left does not close", "err", err)
		}
	}()
}

// awaitRetired waits until no TSDB is being closed, or ctx ends, and tells whether
// none is.
func (s *Store) awaitRetired(ctx context.Context) bool {
	if s.fallback.retiring == nil {
		return true
	}
	select {
	case <-s.fallback.retiring:
		return true
	case <-ctx.Done():
		return false
	}
}

// isRefusal tells a file system that takes nothing from one that gives back
// nothing.
func isRefusal(err error) bool { return !isDamage(err) }

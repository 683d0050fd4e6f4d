package storage

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// upkeepEvery is how often the store looks after itself.
	upkeepEvery = 10 * time.Second
	// mapSamples are how many samples come before full chunks of the head are moved
	// out of the heap into files. Each is written once more for it, which the TSDB on
	// its own does every minute; but a head of no more than so many is sooner in a
	// block, and takes a few megabytes of heap. What is not moved is encoded anew
	// where the log is replayed: of so many in a fifth of a second.
	mapSamples = 1_000_000
	// mapRoom is what must be free for that: as much as is written at once.
	mapRoom = mapSamples*bytesPerSample + spare
	// compactionRest is the wait after a compaction that failed.
	compactionRest = time.Minute
)

// upkeep is the goroutine that looks after an open store: it begins with Open and
// ends with Close, as that of the TSDB does, of which it takes the place.
type upkeep struct {
	begin  sync.Once
	wake   chan struct{}      // one slot: there is something to look at
	cancel context.CancelFunc // set by begin
	done   chan struct{}      // closed at its end
	// unmapped are about the samples in the head since its full chunks were last moved.
	unmapped atomic.Int64

	// compacting is held while the TSDB is compacted, which a round may find under
	// way. Who has life may wait for it, never the other way round.
	compacting sync.Mutex
	rest       time.Time // guarded by compacting: no compaction before
	troubled   string    // guarded by compacting: what was last logged
}

// startUpkeep is called with life held.
func (s *Store) startUpkeep() {
	s.upkeep.begin.Do(func() {
		ctx, cancel := context.WithCancel(context.Background())
		s.upkeep.cancel, s.upkeep.done = cancel, make(chan struct{})
		go func() {
			defer close(s.upkeep.done)
			s.runUpkeep(ctx)
		}()
	})
}

func (u *upkeep) signal() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// end stops the goroutine and waits for it until ctx is done.
func (u *upkeep) end(ctx context.Context) {
	u.begin.Do(func() { u.cancel, u.done = func() {}, make(chan struct{}); close(u.done) })
	u.cancel()
	select {
	case <-u.done:
	case <-ctx.Done():
	}
}

func (s *Store) runUpkeep(ctx context.Context) {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.upkeep.wake:
		}
		s.tend(ctx, time.Now())
	}
}

// tend is one round of upkeep: it leaves a disk that failed, returns to one that
// works again, keeps the limit of the size, and compacts.
func (s *Store) tend(ctx context.Context, now time.Time) {
	s.life.Lock()
	if s.closed || !s.isOpen() {
		s.life.Unlock()
		return
	}
	s.leaveSuspect()
	if s.Degraded() && !now.Before(s.fallback.next) {
		_ = s.goBack(ctx, now) // it has said so
	}
	s.keepLimit(ctx)
	s.life.Unlock()
	s.compactDue(ctx, now)
}

// compactDue does what the TSDB would do on its own, but where an error or a
// panic does not end the process. Life is not held: a disk that fails meanwhile
// can be left.
func (s *Store) compactDue(ctx context.Context, now time.Time) {
	s.upkeep.compacting.Lock()
	defer s.upkeep.compacting.Unlock()
	h, release, err := s.acquire() // not before: whoever has the lock may wait for all users
	if err != nil {
		return
	}
	defer release()
	if err := s.mapChunks(h); err != nil {
		s.suspect(h, err)
		return
	}
	if now.Before(s.upkeep.rest) || !compactable(h) && !h.compactor.due() {
		return
	}
	before := h.db.Head().MinTime()
	err = guard(func() error { return h.db.Compact(ctx) })
	s.headCut(h, before)
	switch {
	case err == nil && s.upkeep.troubled != "":
		s.upkeep.troubled = ""
		s.log.Info("compaction of the storage has recovered")
	case err == nil || errors.Is(err, context.Canceled):
	default:
		s.upkeep.rest = now.Add(compactionRest)
		if err.Error() != s.upkeep.troubled {
			s.upkeep.troubled = err.Error()
			s.log.Warn("storage is not compacted, its write-ahead log grows", "err", err, "next_try_in", compactionRest)
		}
		if errors.Is(err, errFault) {
			s.suspect(h, err)
		}
	}
}

// mapChunks moves full chunks of the head out of the heap where that is due and the
// disk has room.
func (s *Store) mapChunks(h *handle) error {
	if s.upkeep.unmapped.Load() < mapSamples {
		return nil
	}
	s.upkeep.unmapped.Store(0)
	if hasFree(h.dir, mapRoom) != nil {
		return nil // the limit of the size acts; it is tried again after as many
	}
	return guard(func() error { h.db.ForceHeadMMap(); return nil })
}

// headCut takes from the count of samples those that have become a block: the head
// began at before, in milliseconds, and they are taken to be spread evenly.
func (s *Store) headCut(h *handle, before int64) {
	mint, maxt := h.db.Head().MinTime(), h.db.Head().MaxTime()
	if mint <= before || maxt <= before {
		return
	}
	left := max(0, float64(maxt-mint)/float64(maxt-before))
	s.upkeep.unmapped.Store(int64(float64(s.upkeep.unmapped.Load()) * left))
}

// appended counts the samples of a transaction, and wakes upkeep when they may
// matter.
func (s *Store) appended(h *handle, samples int64) {
	if s.grew(h, samples) || s.upkeep.unmapped.Add(samples) >= mapSamples {
		s.upkeep.signal()
	}
}

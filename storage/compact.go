package storage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/prometheus/tsdb"
)

// Compact writes the whole head into blocks and cuts the write-ahead log to
// nothing, so that the next start replays next to nothing. It is for a pause:
// nobody may append meanwhile; queries go on but for the moment in which the
// TSDB is opened anew. When ctx ends first, what is not in a block yet stays in
// the write-ahead log, whole, and the error is ctx's.
func (s *Store) Compact(ctx context.Context) error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.opts.Memory || !s.isOpen() || s.closed || s.Degraded() {
		return nil // nothing to replay, or nothing open
	}
	err := s.seal(ctx)
	if s.isOpen() {
		return err
	}
	return errors.Join(err, s.reopen())
}

// reopen opens the TSDB on the disk again, or goes on in memory where it does not
// open. Called with life held.
func (s *Store) reopen() error {
	s.appending.close()
	defer s.appending.open()
	return s.reopenShut()
}

// reopenShut is reopen for who holds appenders back already.
func (s *Store) reopenShut() error {
	h, err := s.openTSDB()
	if err != nil {
		return errors.Join(err, s.fallBackShut(err))
	}
	s.publish(h)
	return nil
}

// Close is Compact, but leaves the store closed and its directory unlocked. Even
// if compaction fails, or ctx ends first, the store is closed and every sample
// that was committed is on its way to the disk. A store that has left the disk
// tries to return once more, so that what it has in memory is not lost.
func (s *Store) Close(ctx context.Context) error {
	s.upkeep.end(ctx)
	s.life.Lock()
	defer s.life.Unlock()
	s.closed = true
	var errs []error
	if s.Degraded() && s.isOpen() {
		err := s.goBack(ctx, time.Now())
		for errors.Is(err, errBusy) && ctx.Err() == nil { // there is no later
			err = s.goBack(ctx, time.Now())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("samples since %s are lost, as the disk cannot be written: %w", s.fallback.view.Load().Since.Format(time.RFC3339), err))
		}
	}
	if s.opts.Memory || s.Degraded() {
		errs = append(errs, s.discard())
	} else {
		errs = append(errs, s.seal(ctx))
	}
	s.awaitRetired(ctx)
	return errors.Join(append(errs, s.removeMemory(), s.unlock())...)
}

// discard ends a store in memory.
func (s *Store) discard() error {
	h := s.detach()
	if h == nil {
		return nil
	}
	return guard(h.db.Close)
}

// seal moves the head into blocks and closes the TSDB. Only if every sample of
// the head has reached a block is the log removed.
func (s *Store) seal(ctx context.Context) error {
	h, release, err := s.acquire()
	if err != nil {
		return nil // not open: nothing to seal
	}
	start := time.Now()
	stop := context.AfterFunc(ctx, h.stopCompaction)
	var sealed int64
	err = guard(func() (err error) { sealed, err = compactHead(ctx, h.db, h.blockRange, math.MaxInt64); return err })
	stop()
	release()
	if err != nil {
		s.metrics.sealed.WithLabelValues("failed").Inc()
		err = fmt.Errorf("compact head: %w", err)
	}
	if h = s.detach(); h == nil {
		return err
	}
	if cerr := guard(h.db.Close); cerr != nil {
		return errors.Join(err, fmt.Errorf("close storage: %w", cerr), s.closeAnyway(h))
	}
	if err != nil {
		return err
	}
	if h.db.Head().MaxTime() > sealed+1 { // an empty head stands at the end of the last block
		return errors.New("samples came while the head was compacted: the write-ahead log stays")
	}
	if err := s.cutLog(); err != nil {
		return err
	}
	s.metrics.sealed.WithLabelValues("ok").Inc()
	s.log.Info("storage compacted", "blocks", len(h.db.Blocks()), "duration", time.Since(start).Round(time.Millisecond))
	return nil
}

// compactHead writes blocks until the head has nothing up to the given time, and
// returns the time up to which it did. Each stays within one aligned range of width rng, as the compactor
// merges only blocks that do.
func compactHead(ctx context.Context, db *tsdb.DB, rng, upTo int64) (sealed int64, err error) {
	head := db.Head()
	maxt := min(head.MaxTime(), upTo)
	if head.NumSeries() == 0 {
		return maxt, nil
	}
	for mint := head.MinTime(); mint <= maxt; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		end := min(alignedEnd(mint, rng), maxt)
		if err := db.CompactHead(tsdb.NewRangeHead(head, mint, end)); err != nil {
			return 0, err
		}
		if end >= maxt {
			break
		}
		mint = max(end+1, head.MinTime()) // a clock that jumped leaves years without samples
	}
	return maxt, nil
}

// cutLog removes what the blocks now hold. The TSDB itself cuts only whole old
// segments and keeps a third of them. Each directory leaves in one rename: a log
// that lost some of its segments in a crash would not open.
func (s *Store) cutLog() error {
	for _, name := range []string{"wal", "chunks_head"} {
		err := os.Rename(filepath.Join(s.tsdbDir(), name), filepath.Join(s.opts.Dir, trashPrefix+name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("cut write-ahead log: %w", err)
		}
	}
	return s.emptyTrash()
}

// trashPrefix marks directories that are only still there because removing
// them was interrupted.
const trashPrefix = "trash-"

func (s *Store) emptyTrash() error {
	trash, err := filepath.Glob(filepath.Join(s.opts.Dir, trashPrefix+"*"))
	for _, dir := range trash {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		return fmt.Errorf("remove compacted write-ahead log: %w", err)
	}
	return nil
}

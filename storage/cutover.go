package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/tsdb"
)

// CutOver is for a clock that was set back: it sets aside all samples of times
// after at, so that samples from the millisecond after it on are taken at once. What
// is older stays. It waits for the transactions and queries under way and refuses
// queries meanwhile; it takes about as long as Compact. Where nothing is stored of
// later times it does nothing.
//
// What cannot be separated is set aside whole, and what cannot be moved is left
// for memory: the error is only ErrNotReady or ErrClosed, or that there is no
// memory. In memory what is of later times is dropped, and counted.
func (s *Store) CutOver(at time.Time) error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return ErrClosed
	}
	cut := at.UnixMilli()
	if cut >= lastTime {
		return nil // nothing is of later times
	}
	if f := &s.fallback; s.Degraded() && (f.cut.IsZero() || at.Before(f.cut)) {
		f.cut = at // what is on the disk hears of it at the return
	}
	s.mu.Lock()
	h := s.open
	s.mu.Unlock()
	if h == nil {
		return ErrNotReady
	}
	if !h.reaches(cut) {
		return nil
	}
	// A merge may take minutes, and scrapes wait for no more than seconds.
	h.stopMerges()
	s.upkeep.compacting.Lock()
	defer s.upkeep.compacting.Unlock()
	s.appending.close()
	defer s.appending.open()
	s.detach()
	cutHandle, err := s.cut(h, cut)
	if err != nil {
		s.log.Error("samples of times to come cannot be set aside", "err", err)
		s.fallback.cut = at
		return s.fallBackShut(err)
	}
	s.publish(cutHandle)
	return nil
}

// reaches tells whether samples right after cut would be refused.
func (h *handle) reaches(cut int64) bool {
	head := h.db.Head()
	least, ok := head.AppendableMinValidTime()
	return h.newest() > cut || head.NumSeries() > 0 && head.MaxTime() > cut || ok && least > cut+1
}

// cut closes a TSDB that nobody uses, takes out what is of times after cut, and
// opens it again.
func (s *Store) cut(h *handle, cut int64) (*handle, error) {
	start := time.Now()
	head := h.db.Head()
	later := head.NumSeries() > 0 && head.MaxTime() > cut
	kept := guard(func() error {
		_, err := compactHead(context.Background(), h.db, h.blockRange, cut)
		return err
	})
	if kept != nil {
		s.log.Warn("samples before the clock was set back go with those after it", "err", kept)
	}
	if err := guard(h.db.Close); err != nil {
		if err = s.closeAnyway(h); err != nil {
			return nil, err
		}
	}
	var gone []string
	if (later || kept != nil) && !h.memory {
		gone = append(gone, "wal")
	}
	blocks, err := s.splitBlocks(h.dir, cut)
	if err != nil {
		return nil, err
	}
	if err := s.setAsideFuture(h, append(gone, blocks...), cut); err != nil {
		return nil, err
	}
	// What is left of the head stands in blocks.
	if h.memory {
		err = os.RemoveAll(filepath.Join(h.dir, "chunks_head"))
	} else {
		err = s.cutLog()
	}
	if err != nil {
		return nil, err
	}
	if h.memory {
		h, err = s.openAt(h.dir, true)
	} else {
		h, err = s.openTSDB()
	}
	if err == nil {
		s.log.Warn("samples of times to come are set aside, as the clock was set back", "after", time.UnixMilli(cut).UTC(), "duration", time.Since(start).Round(time.Millisecond))
	}
	return h, err
}

// splitBlocks writes what blocks have up to cut, and more, into blocks of their
// own, and returns the names of those that have more.
func (s *Store) splitBlocks(dir string, cut int64) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	c, err := tsdb.NewLeveledCompactorWithOptions(context.Background(), nil, log, []int64{s.opts.BlockDuration.Milliseconds()}, nil,
		tsdb.LeveledCompactorOptions{MaxBlockChunkSegmentSize: s.part(dir, chunkSegmentSize, 1<<18)})
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if _, err := ulid.ParseStrict(e.Name()); err != nil || !e.IsDir() {
			continue
		}
		var meta tsdb.BlockMeta
		path := filepath.Join(dir, e.Name())
		err := guard(func() (err error) {
			b, err := tsdb.OpenBlock(log, path, nil, nil)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, b.Close()) }()
			if meta = b.Meta(); meta.MinTime > cut || meta.MaxTime <= cut+1 {
				return nil
			}
			_, err = c.Write(dir, b, meta.MinTime, cut+1, nil)
			return err
		})
		if err != nil {
			s.log.Warn("a block goes whole, as it cannot be split", "block", e.Name(), "err", err)
		}
		if err != nil || meta.MaxTime > cut+1 {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// setAsideFuture moves parts of a TSDB into one directory among what was set
// aside; in memory it drops them.
func (s *Store) setAsideFuture(h *handle, names []string, cut int64) error {
	text := fmt.Sprintf("the clock was set back: samples after %s were ", time.UnixMilli(cut).UTC().Format(time.RFC3339))
	now := time.Now()
	if h.memory {
		for _, name := range names {
			if err := os.RemoveAll(filepath.Join(h.dir, name)); err != nil {
				return err
			}
		}
		text += "dropped, as they were in memory"
	} else {
		if len(names) == 0 {
			return nil
		}
		dir := filepath.Join(s.opts.Dir, "set-aside")
		to := filepath.Join(dir, now.UTC().Format("20060102T150405.000000000Z-")+kindFuture)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		for _, name := range names {
			if err := os.Rename(filepath.Join(h.dir, name), filepath.Join(to, name)); err != nil {
				return err
			}
		}
		if err := s.pruneSetAside(dir); err != nil {
			return err
		}
		text += "set aside as " + to
	}
	s.metrics.setAside.WithLabelValues(kindFuture).Inc()
	s.repairs.add(Repair{At: now, Kind: kindFuture, Text: text})
	return nil
}

// bound is the latest time of samples that may be taken from the disk.
func (f *fallback) bound() int64 {
	if f.cut.IsZero() {
		return math.MaxInt64
	}
	return f.cut.UnixMilli()
}

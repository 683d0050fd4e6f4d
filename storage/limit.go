package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/tsdb"
)

const (
	// memoryLimit bounds a store in memory, which takes it from everybody else.
	memoryLimit = 64 << 20
	// keepOnFull is the history that is not given up for a disk that others fill.
	keepOnFull = 24 * time.Hour
	// bytesPerSample is what a sample takes in the log at most, or nearly.
	bytesPerSample = 16
)

// usage is what the store takes from the disk.
type usage struct {
	blocks, log, aside int64
	// reserve is what the next block of the head may take before the log is cut.
	reserve int64
}

func (u usage) total() int64 { return u.blocks + u.log + u.aside }

// size is the last usage that upkeep found, and the samples since.
type size struct {
	last  atomic.Pointer[usage]
	grown atomic.Int64
}

// measure looks at the files. What is not a block, and not the log, counts as set
// aside: it is nothing that the store reads.
func (s *Store) measure(h *handle) usage {
	u := usage{log: dirSize(filepath.Join(h.dir, "wal")) + dirSize(filepath.Join(h.dir, "chunks_head"))}
	u.blocks = dirSize(h.dir) - u.log
	if !h.memory {
		u.aside = dirSize(filepath.Join(s.opts.Dir, "set-aside"))
		trash, _ := filepath.Glob(filepath.Join(s.opts.Dir, trashPrefix+"*")) // the pattern is good
		for _, dir := range trash {
			u.aside += dirSize(dir)
		}
	}
	u.reserve = u.log + s.part(h.dir, chunkSegmentSize, 1<<18)
	s.size.last.Store(&u)
	s.size.grown.Store(0)
	s.metrics.size.WithLabelValues("blocks").Set(float64(u.blocks))
	s.metrics.size.WithLabelValues("log").Set(float64(u.log))
	s.metrics.size.WithLabelValues("set_aside").Set(float64(u.aside))
	s.metrics.sizeLimit.Set(float64(s.limitOf(h)))
	return u
}

// limitOf is the most bytes that may be taken; zero means no limit.
func (s *Store) limitOf(h *handle) int64 {
	limit := s.retention.Load().Size
	if h.memory && (limit == 0 || limit > memoryLimit) {
		limit = memoryLimit
	}
	return limit
}

// over is by how much the store is larger than it may be, with room for the next
// block. The limit is one that is not crossed while blocks are written.
func (s *Store) over(h *handle, u usage) int64 {
	if limit := s.limitOf(h); limit > 0 {
		return u.total() + u.reserve - limit
	}
	return math.MinInt64
}

// short is by how much the file system has less free than what is left to others.
func short(dir string) int64 {
	free, total, err := freeBytes(dir)
	if err != nil {
		return 0
	}
	return min(total/50, 16<<20) - free
}

// hasRoom tells whether that many bytes more can be written for a while.
func (s *Store) hasRoom(h *handle, more int64) bool {
	return s.over(h, s.measure(h))+more <= 0 && short(h.dir)+more <= 0
}

// keepLimit keeps the store below its limit, and out of the way of others on a
// file system that is nearly full: what was set aside goes first, then the head
// is compacted early, as the log is larger than the block that comes of it, then
// the oldest blocks go. Called with life held.
func (s *Store) keepLimit(ctx context.Context) {
	s.mu.Lock()
	h := s.open
	s.mu.Unlock()
	if h == nil {
		return
	}
	u := s.measure(h)
	over := max(s.over(h, u), short(h.dir))
	if over <= 0 {
		return
	}
	if !h.memory {
		over -= s.dropSetAside(over)
	}
	if limit := s.limitOf(h); over > 0 && limit > 0 && u.log > limit/4 {
		if h = s.compactEarly(ctx, h, u); h == nil {
			return
		}
		u = s.measure(h)
		over = max(s.over(h, u), short(h.dir))
	}
	s.doomOldest(h, over, s.over(h, u) <= 0)
}

// compactEarly cuts the log to nothing, and returns the TSDB that is open then;
// nil if none is.
func (s *Store) compactEarly(ctx context.Context, h *handle, u usage) *handle {
	s.appending.close()
	defer s.appending.open()
	var err error
	if h.memory {
		err = guard(func() error {
			_, err := compactHead(ctx, h.db, h.blockRange, math.MaxInt64)
			return err
		})
	} else {
		err = s.seal(ctx)
		if !s.isOpen() {
			err = errors.Join(err, s.reopenShut())
		}
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("storage is at its limit, and its head cannot be compacted", "err", err)
	}
	s.mu.Lock()
	now := s.open
	s.mu.Unlock()
	if limit := s.limitOf(h); err != nil && now != nil && !now.memory && u.log > limit/2 && ctx.Err() == nil {
		// The last resort: the log goes, but for what memory can take.
		s.fallback.dropLog = true
		if err := s.fallBackShut(fmt.Errorf("the write-ahead log has grown to half of RETENTION_SIZE and cannot be compacted: %w", err)); err != nil {
			s.log.Error("storage is at its limit", "err", err)
		}
		return nil
	}
	return now
}

// doomOldest has the TSDB delete its oldest blocks, until the rest is small
// enough. For others on the disk only such that are older than keepOnFull go.
func (s *Store) doomOldest(h *handle, over int64, forOthers bool) {
	blocks := slices.Clone(h.db.Blocks()) // the TSDB's own list has another order
	slices.SortFunc(blocks, func(a, b *tsdb.Block) int { return cmp.Compare(a.Meta().MaxTime, b.Meta().MaxTime) })
	for _, b := range blocks {
		m := b.Meta()
		if over <= 0 || forOthers && h.newest()-m.MaxTime < keepOnFull.Milliseconds() {
			break
		}
		n := dirSize(b.Dir())
		over -= n
		h.compactor.doom(m.ULID)
		s.metrics.dropped.Inc()
		s.log.Info("storage is at its limit, its oldest block goes", "until", time.UnixMilli(m.MaxTime).UTC(), "bytes", n)
	}
}

// grew counts samples, and tells whether so many have come that the limit may be
// near.
func (s *Store) grew(h *handle, samples int64) bool {
	limit := s.limitOf(h)
	if n := s.size.grown.Add(samples) * bytesPerSample; limit == 0 || n <= limit/64 {
		return false
	}
	s.size.grown.Store(0)
	return true
}

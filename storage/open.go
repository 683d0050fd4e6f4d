package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/compression"
)

const (
	// blockDuration is the default of Options.BlockDuration.
	blockDuration = 2 * time.Hour
	// maxBlockDuration bounds how far blocks are merged, as Prometheus does.
	maxBlockDuration = 31 * 24 * time.Hour
	// walSegmentSize and chunkSegmentSize keep what is preallocated and what a
	// torn file can cost small; Prometheus's are 128 and 512 MiB. A log in segments of
	// 4 MiB is replayed a third slower, as the TSDB sets out anew with each; in such of
	// 16 MiB it is neither longer nor written more, as a head of hours has several.
	walSegmentSize   = 16 << 20
	chunkSegmentSize = 16 << 20
	// stripeSize and writeBuffer are sized for thousands of series, not for
	// millions: 10 MB less of memory (measured on the team's prototype).
	stripeSize  = 512
	writeBuffer = 64 << 10
)

// Open takes the lock and opens the TSDB, which replays what the last process
// left in the write-ahead log: that may take seconds. What cannot be read is
// repaired or set aside. It fails with a *LockedError if another process has the
// directory, and where the directory itself cannot be used (permissions, a full
// or read-only file system): nothing is moved then, and Open may be called again.
// Opening an open store does nothing; after Close the error is ErrClosed.
func (s *Store) Open() error {
	s.life.Lock()
	defer s.life.Unlock()
	return s.openLocked()
}

// OpenOrFallBack is Open, but where the directory cannot be used the store opens
// in memory, with the recent samples of the disk if they can be read, and returns
// to the disk when it can. It fails only with *LockedError and ErrClosed, and
// where there is no memory file system either.
func (s *Store) OpenOrFallBack() error {
	s.life.Lock()
	defer s.life.Unlock()
	err := s.openLocked()
	locked := (*LockedError)(nil)
	if err == nil || errors.Is(err, ErrClosed) || errors.As(err, &locked) {
		return err
	}
	if ferr := s.fallBack(err); ferr != nil {
		return errors.Join(err, ferr)
	}
	s.startUpkeep()
	return nil
}

func (s *Store) openLocked() error {
	if s.closed {
		return ErrClosed
	}
	if s.isOpen() {
		return nil
	}
	if err := s.lockOnce(); err != nil {
		return err
	}
	if err := s.emptyTrash(); err != nil {
		s.log.Warn("leftover of the last stop stays", "err", err)
	}
	var h *handle
	var err error
	if s.opts.Memory {
		h, err = s.openMemory()
	} else if err = s.probe(); err == nil {
		h, err = s.openTSDB()
	}
	if err != nil {
		return errors.Join(err, s.unlock())
	}
	s.publish(h)
	s.startUpkeep()
	return nil
}

// Lock takes the data directory without opening the TSDB: it is soon done, and
// tells whether another process is there (*LockedError).
func (s *Store) Lock() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return ErrClosed
	}
	return s.lockOnce()
}

func (s *Store) lockOnce() error {
	if s.lock != nil {
		return nil
	}
	if err := makeDir(s.opts.Dir); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	lock, err := lockDir(s.opts.Dir)
	if err != nil {
		return err
	}
	s.lock = lock
	return nil
}

// openTSDB opens, and on failure sets aside ever more until it can: the blocks
// that do not open, then the head's chunks, then its log, then all.
func (s *Store) openTSDB() (*handle, error) {
	if _, err := s.setAsideUnnamed(); err != nil {
		s.log.Warn("looking for unreadable blocks", "err", err)
	}
	remedies := []func() (int, error){s.setAsideBlocks, s.setAsideHead, s.setAsideLog, s.setAsideStore}
	for {
		h, err := s.openAt(s.tsdbDir(), false)
		if err == nil {
			if err := syncDir(s.opts.Dir); err != nil { // the TSDB syncs what is in its own only
				s.log.Warn("samples may not outlive a power cut", "err", err)
			}
			return h, nil
		}
		if !isDamage(err) {
			return nil, fmt.Errorf("open storage in %s: %w", s.tsdbDir(), err)
		}
		s.log.Warn("storage does not open, looking for what is damaged", "err", err)
		moved := 0
		for moved == 0 {
			if len(remedies) == 0 {
				return nil, fmt.Errorf("open storage in %s: %w", s.tsdbDir(), err)
			}
			n, rerr := remedies[0]()
			if rerr != nil {
				return nil, fmt.Errorf("set damaged storage aside: %w", errors.Join(rerr, err))
			}
			moved, remedies = n, remedies[1:]
		}
	}
}

// openAt opens the TSDB in dir. Nobody sees it until it is published.
func (s *Store) openAt(dir string, memory bool) (*handle, error) {
	s.generation = (s.generation + 1) % (1 << (64 - generationShift))
	h := &handle{
		dir: dir, memory: memory, generation: s.generation,
		blockRange: s.opts.BlockDuration.Milliseconds(), registry: prometheus.NewRegistry(),
	}
	log := slog.New(atLeast{slog.LevelWarn, s.log.Handler()})
	err := guard(func() (err error) {
		h.db, err = tsdb.Open(dir, log, h.registry, s.tsdbOptions(h), nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	h.db.DisableCompactions() // upkeep compacts
	s.reportRepairs(h.registry)
	return h, nil
}

func (s *Store) tsdbOptions(h *handle) *tsdb.Options {
	o := tsdb.DefaultOptions()
	o.NoLockfile = true // ours covers the whole data directory
	o.RetentionDuration = s.retention.Load().Time.Milliseconds()
	o.BlocksToDelete = s.blocksToDelete(h)
	o.MinBlockDuration = s.opts.BlockDuration.Milliseconds()
	o.MaxBlockDuration = max(s.opts.BlockDuration, maxBlock(s.retention.Load().Time)).Milliseconds()
	// On its own the TSDB would write chunks of the head at this interval, and
	// panic where it cannot: upkeep does it, with a look at the disk first.
	o.BlockReloadInterval = math.MaxInt64
	o.WALSegmentSize = int(s.part(filepath.Dir(h.dir), walSegmentSize, 1<<17)) &^ (1<<15 - 1) // whole pages
	if h.memory {
		o.WALSegmentSize = -1 // there is no next process to replay it
	}
	o.WALCompression = logCompression(runtime.NumCPU())
	o.MaxBlockChunkSegmentSize = s.part(filepath.Dir(h.dir), chunkSegmentSize, 1<<18)
	o.StripeSize = stripeSize
	o.HeadChunksWriteBufferSize = writeBuffer
	o.NewCompactorFunc = func(ctx context.Context, r prometheus.Registerer, l *slog.Logger, ranges []int64, pool chunkenc.Pool, opts *tsdb.Options) (tsdb.Compactor, error) {
		return s.newCompactor(ctx, h, r, l, ranges, pool, opts)
	}
	return o
}

// fewCPUs is up to how many the log is compressed with zstd.
const fewCPUs = 4

// logCompression is that of the log, which is most of what is written: with zstd a
// scrape takes a third less of it than with Snappy. But its encoder holds 1.8 MB for
// each CPU that there is, and a host with many has no card for a disk.
func logCompression(cpus int) compression.Type {
	if cpus <= fewCPUs {
		return compression.Zstd
	}
	return compression.Snappy
}

// maxBlock lets one block cover a tenth of the retention, so that dropping the
// oldest block drops little.
func maxBlock(retention time.Duration) time.Duration {
	if retention == 0 {
		return maxBlockDuration
	}
	return min(maxBlockDuration, max(blockDuration, retention/10))
}

func (s *Store) unlock() error {
	if s.lock == nil {
		return nil
	}
	err := s.lock.release()
	s.lock = nil
	return err
}

// isDamage tells damaged files from a file system that refuses: moving files
// about would cure nothing there.
func isDamage(err error) bool {
	for _, e := range []error{
		syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EACCES, syscall.EPERM,
		syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, errDiskFails,
	} {
		if errors.Is(err, e) {
			return false
		}
	}
	return true
}

// atLeast lets records of a level and above through: the TSDB calls routine
// steps Info, which our users would read as news.
type atLeast struct {
	level slog.Level
	slog.Handler
}

func (h atLeast) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= h.level && h.Handler.Enabled(ctx, l)
}
func (h atLeast) WithAttrs(as []slog.Attr) slog.Handler {
	return atLeast{h.level, h.Handler.WithAttrs(as)}
}
func (h atLeast) WithGroup(n string) slog.Handler { return atLeast{h.level, h.Handler.WithGroup(n)} }

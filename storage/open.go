package storage

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"path/filepath"
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
	// torn file can cost small; Prometheus's are 128 and 512 MiB.
	walSegmentSize   = 4 << 20
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
	if s.closed {
		return ErrClosed
	}
	if _, release, err := s.acquire(); err == nil {
		release()
		return nil
	}
	if err := s.lockOnce(); err != nil {
		return err
	}
	if err := s.emptyTrash(); err != nil {
		s.log.Warn("leftover of the last stop stays", "err", err)
	}
	err := s.makeMemoryDir()
	if err == nil {
		err = s.openTSDB()
	}
	if err != nil {
		return errors.Join(err, s.unlock())
	}
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

// tmpfs is where Linux keeps files in memory.
const tmpfs = "/dev/shm"

func (s *Store) makeMemoryDir() error {
	if !s.opts.Memory || s.memoryDir != "" {
		return nil
	}
	parent := tmpfs
	if !fileExists(parent) {
		parent = "" // the system's own place for what does not last
	}
	if parent == "" {
		parent = os.TempDir()
	}
	// The name is that of the data directory, so that what a killed process left
	// there is found: it is memory that nobody else would free.
	abs, err := filepath.Abs(s.opts.Dir)
	if err != nil {
		return fmt.Errorf("make directory in memory: %w", err)
	}
	h := fnv.New64a()
	h.Write([]byte(abs))
	dir := filepath.Join(parent, fmt.Sprintf("tocsin-%016x", h.Sum64()))
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return fmt.Errorf("make directory in memory: %w", err)
	}
	s.memoryDir = dir
	return nil
}

// openTSDB opens, and on failure sets aside ever more until it can: the blocks
// that do not open, then the head's chunks, then its log, then all.
func (s *Store) openTSDB() error {
	if _, err := s.setAsideUnnamed(); err != nil {
		s.log.Warn("looking for unreadable blocks", "err", err)
	}
	remedies := []func() (int, error){s.setAsideBlocks, s.setAsideHead, s.setAsideLog, s.setAsideStore}
	for {
		err := s.tryOpen()
		if err == nil {
			return nil
		}
		if !isDamage(err) {
			return fmt.Errorf("open storage in %s: %w", s.tsdbDir(), err)
		}
		s.log.Warn("storage does not open, looking for what is damaged", "err", err)
		moved := 0
		for moved == 0 {
			if len(remedies) == 0 {
				return fmt.Errorf("open storage in %s: %w", s.tsdbDir(), err)
			}
			n, rerr := remedies[0]()
			if rerr != nil {
				return fmt.Errorf("set damaged storage aside: %w", errors.Join(rerr, err))
			}
			moved, remedies = n, remedies[1:]
		}
	}
}

func (s *Store) tryOpen() error {
	reg := prometheus.NewRegistry()
	log := slog.New(atLeast{slog.LevelWarn, s.log.Handler()})
	db, err := tsdb.Open(s.tsdbDir(), log, reg, s.tsdbOptions(), nil)
	if err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(s.tsdbDir())); err != nil { // the TSDB syncs what is in its own only
		s.log.Warn("samples may not outlive a power cut", "err", err)
	}
	s.registry.Store(reg)
	s.reportRepairs(reg)
	s.mu.Lock()
	s.open = &handle{db: db}
	s.mu.Unlock()
	return nil
}

func (s *Store) tsdbOptions() *tsdb.Options {
	o := tsdb.DefaultOptions()
	o.NoLockfile = true // ours covers the whole data directory
	o.RetentionDuration = s.opts.RetentionTime.Milliseconds()
	o.MaxBytes = s.opts.RetentionSize
	o.MinBlockDuration = s.opts.BlockDuration.Milliseconds()
	o.MaxBlockDuration = max(s.opts.BlockDuration, maxBlock(s.opts.RetentionTime)).Milliseconds()
	o.WALSegmentSize = walSegmentSize
	if s.opts.Memory {
		o.WALSegmentSize = -1 // there is no next process to replay it
	}
	o.WALCompression = compression.Snappy
	o.MaxBlockChunkSegmentSize = chunkSegmentSize
	o.StripeSize = stripeSize
	o.HeadChunksWriteBufferSize = writeBuffer
	o.NewCompactorFunc = s.newCompactor
	return o
}

// maxBlock lets one block cover a tenth of the retention, so that dropping the
// oldest block drops little.
func maxBlock(retention time.Duration) time.Duration {
	if retention == 0 {
		return maxBlockDuration
	}
	return min(maxBlockDuration, max(blockDuration, retention/10))
}

// newCompactor makes the TSDB's own compactor under a context that Compact can
// cancel: the TSDB's can only be cancelled by closing it, under the feet of the
// compaction.
func (s *Store) newCompactor(ctx context.Context, r prometheus.Registerer, l *slog.Logger, ranges []int64, pool chunkenc.Pool, opts *tsdb.Options) (tsdb.Compactor, error) {
	ctx, s.stopCompaction = context.WithCancel(ctx)
	return tsdb.NewLeveledCompactorWithOptions(ctx, r, l, ranges, pool, tsdb.LeveledCompactorOptions{
		MaxBlockChunkSegmentSize:    opts.MaxBlockChunkSegmentSize,
		EnableOverlappingCompaction: opts.EnableOverlappingCompaction,
		PD:                          opts.PostingsDecoderFactory,
		FloatChunkEncoding:          func() chunkenc.Encoding { return opts.FloatChunkEncoding },
	})
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
		syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM,
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

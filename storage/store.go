// Package storage owns the TSDB: it opens, repairs, appends to, queries,
// compacts and closes it, and nothing else touches its files.
//
// Invariants: one process per data directory (a lock file says who); what
// cannot be read is set aside, counted and reported, and never a reason to stop: the
// oldest of that is deleted, and counted, where it becomes too much; a reader or appender never meets a database that is being
// closed; after Compact or Close the head stands in blocks and the write-ahead
// log is gone, so that the next open replays nothing; History changes nothing in
// the directory that it reads.
package storage

import (
	"errors"
	"log/slog"
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/storage"
)

// ErrNotReady is the answer to appends and queries while the TSDB is not open:
// before Open has returned, in the short while in which Compact opens it again,
// and after Close.
var ErrNotReady = errors.New("storage is not open")

// ErrClosed is the answer of a store that was closed for good.
var ErrClosed = errors.New("storage is closed")

// Options say where and how much to store.
type Options struct {
	// Dir is the data directory; the TSDB lives in Dir/tsdb, what was set aside
	// in Dir/set-aside, the lock is Dir/lock.
	Dir string
	// RetentionTime is how long samples are kept; zero keeps them for ever.
	RetentionTime time.Duration
	// RetentionSize is how many bytes the store takes at most: blocks, write-ahead
	// log, head chunks and what was set aside. Zero means no limit.
	RetentionSize int64
	// Memory keeps samples off the disk: they live in a directory on tmpfs, and
	// end with the process.
	Memory bool
	// BlockDuration is how much time one block of the head covers; zero means two
	// hours.
	BlockDuration time.Duration
	// Now bounds the times of samples: none may be more than a minute ahead of it. Nil
	// bounds them by nothing.
	Now        func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Store is the TSDB of one data directory. Its methods may be called from any
// goroutine; Open, Compact and Close wait for each other.
type Store struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics
	lock    *dirLock // guarded by life
	// memoryDir is where TSDBs in memory have their directories; guarded by life.
	memoryDir string

	// life serialises all that opens, exchanges and closes TSDBs.
	life       sync.Mutex
	closed     bool   // guarded by life: for good
	generation uint64 // guarded by life: of the last handle
	fallback   fallback
	upkeep     upkeep
	size       size

	mu    sync.Mutex
	open  *handle // guarded by mu; nil while the TSDB is not open
	doubt *doubt  // guarded by mu; nil unless the open TSDB failed

	retention atomic.Pointer[Retention]

	appending turnstile
	registry  atomic.Pointer[prometheus.Registry]
	repairs   repairLog
}

var (
	_ storage.Queryable    = (*Store)(nil)
	_ storage.AppendableV2 = (*Store)(nil)
	_ prometheus.Gatherer  = (*Store)(nil)
)

// Retention is how much is kept: Options.RetentionTime and RetentionSize.
type Retention struct {
	Time time.Duration
	Size int64
}

// SetRetention replaces what the options said. It takes effect with the next upkeep; any
// goroutine may call it, at any time.
func (s *Store) SetRetention(r Retention) { s.retention.Store(&r) }

// Retention is how much is kept at present.
func (s *Store) Retention() Retention { return *s.retention.Load() }

// New makes a store that is not open yet: it touches no file.
func New(opts Options) *Store {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Registerer == nil {
		opts.Registerer = prometheus.NewRegistry()
	}
	if opts.BlockDuration == 0 {
		opts.BlockDuration = blockDuration
	}
	s := &Store{
		opts:    opts,
		log:     opts.Logger.With("component", "storage"),
		metrics: newMetrics(opts.Registerer),
	}
	s.retention.Store(&Retention{Time: opts.RetentionTime, Size: opts.RetentionSize})
	s.registry.Store(prometheus.NewRegistry())
	s.upkeep.wake = make(chan struct{}, 1)
	return s
}

// tsdbDir is where the TSDB of this store belongs on the disk.
func (s *Store) tsdbDir() string { return filepath.Join(s.opts.Dir, "tsdb") }

// Gather gives the TSDB's own metrics, those of the database that is open now.
func (s *Store) Gather() ([]*dto.MetricFamily, error) { return s.registry.Load().Gather() }

// Newest is the time of the newest sample; zero if there is none or the store is
// not open. After a crash it tells when the process before was last alive.
func (s *Store) Newest() time.Time {
	h, release, err := s.acquire()
	if err != nil {
		return time.Time{}
	}
	defer release()
	newest := h.newest()
	if newest == math.MinInt64 {
		return time.Time{}
	}
	return time.UnixMilli(newest)
}

// Stats is what the page shows of the store.
type Stats struct {
	Open bool
	// Memory: samples are off the disk, by choice or because Degraded.
	Memory bool
	// Degraded is nil unless the store has left the disk.
	Degraded *Degraded
	Series   uint64
	Blocks   int
	// BlockBytes and HeadBytes (write-ahead log and head chunks) are on disk.
	BlockBytes, HeadBytes int64
	// SetAsideBytes are on disk too; they are counted with each round of upkeep.
	SetAsideBytes int64
	// MinTime is the oldest sample's time; zero when there is none.
	MinTime time.Time
	// Repairs, oldest first: what was repaired or set aside by this process.
	Repairs []Repair
}

// Stats reads the current numbers; they cost a look at the block list.
func (s *Store) Stats() Stats {
	st := Stats{Repairs: s.repairs.list()}
	st.Degraded = s.fallback.view.Load()
	h, release, err := s.acquire()
	if err != nil {
		return st
	}
	defer release()
	db := h.db
	st.Open, st.Memory = true, h.memory
	st.Series = db.Head().NumSeries()
	st.HeadBytes = db.Head().Size()
	if u := s.size.last.Load(); u != nil {
		st.SetAsideBytes = u.aside
	}
	for _, b := range db.Blocks() {
		st.Blocks++
		st.BlockBytes += b.Size()
	}
	if t, err := db.StartTime(); err == nil && (st.Blocks > 0 || st.Series > 0) {
		st.MinTime = time.UnixMilli(t)
	}
	return st
}

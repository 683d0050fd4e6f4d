package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/wlog"
)

// History is what a data directory holds, as it was when it was opened. It only
// reads: it takes no lock, repairs nothing, and may be open while a daemon works
// in the directory. What the log holds is read into memory; the few files that
// this needs are in a temporary directory elsewhere.
//
// The TSDB's own DBReadOnly is not used: it makes its temporary directory and
// hard links inside the file system of the data, and refuses a store without a
// log, which is what a stop leaves.
type History struct {
	dir    string // of the TSDB
	temp   string
	blocks []*tsdb.Block
	head   *tsdb.Head // nil without a log
	damage []error
}

var _ storage.Queryable = (*History)(nil)

// historyAttempts bounds how often opening starts over because a compaction took
// files away under its feet. One takes minutes, and comes every two hours.
const historyAttempts = 5

// errVanished: a file was there, and is not any more.
var errVanished = errors.New("a compaction is under way")

// OpenHistory opens the data directory dir. Where there is none, or no samples in
// it, the error is an fs.ErrNotExist. What is there but cannot be read is left
// out, and named by Damage.
func OpenHistory(dir string) (*History, error) { return openHistory(dir, "") }

// openHistory makes its temporary directory in parent; empty is the system's.
func openHistory(dir, parent string) (*History, error) {
	h := &History{dir: filepath.Join(dir, "tsdb")}
	if _, err := os.ReadDir(h.dir); err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	temp, err := os.MkdirTemp(parent, "tocsin-history-")
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	h.temp = temp
	for range historyAttempts {
		if err = h.load(); !errors.Is(err, errVanished) {
			break
		}
		err = errors.Join(err, h.unload())
	}
	if err != nil {
		return nil, fmt.Errorf("open history: %w", errors.Join(err, h.Close()))
	}
	return h, nil
}

// load reads the log before it lists the blocks: a compaction writes a block
// first and cuts the log then, so that nothing falls between the two.
func (h *History) load() error {
	if err := h.loadLog(); err != nil {
		return err
	}
	entries, err := os.ReadDir(h.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, err := ulid.ParseStrict(e.Name()); err != nil || !e.IsDir() {
			continue
		}
		path := filepath.Join(h.dir, e.Name())
		b, err := tsdb.OpenBlock(slog.New(slog.DiscardHandler), path, nil, nil)
		switch {
		case err == nil && checkSpan(b.Meta()) != nil:
			h.damage = append(h.damage, fmt.Errorf("block %s is left out: %w", path, errors.Join(checkSpan(b.Meta()), b.Close())))
		case err == nil:
			h.blocks = append(h.blocks, b)
		case !fileExists(path):
			return errVanished
		default:
			h.damage = append(h.damage, fmt.Errorf("block %s cannot be read, its samples are left out: %w", path, err))
		}
	}
	return nil
}

// loadLog fills the head from the write-ahead log. A log that ends in the middle
// of a record is no damage: a daemon is writing it, or was when it ended.
func (h *History) loadLog() error {
	dir := filepath.Join(h.dir, "wal")
	before, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(before) == 0 {
		return nil // a stop has moved all into blocks
	}
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	wal, err := wlog.Open(log, dir)
	if errors.Is(err, os.ErrNotExist) {
		return errVanished
	}
	if err != nil {
		return err
	}
	o := tsdb.DefaultHeadOptions()
	o.ChunkRange = blockDuration.Milliseconds()
	o.ChunkDirRoot = h.temp
	o.ChunkWriteBufferSize = writeBuffer
	o.StripeSize = stripeSize
	// It is read through chunk by chunk, and a chunk that cannot be written to the
	// temporary directory would end the process.
	if err := hasFree(h.temp, dirSize(dir)+spare); err != nil {
		return err
	}
	if h.head, err = tsdb.NewHead(nil, log, wal, nil, o, tsdb.NewHeadStats()); err != nil {
		return err
	}
	err = h.head.Init(math.MinInt64)
	if err == nil {
		return nil
	}
	// By now a new log of the same file names may stand there.
	if errors.Is(err, os.ErrNotExist) {
		return errVanished
	}
	for _, e := range before {
		if !fileExists(filepath.Join(dir, e.Name())) {
			return errVanished
		}
	}
	corrupt := (*wlog.CorruptionErr)(nil)
	if !errors.As(err, &corrupt) {
		return err
	}
	_, last, lerr := wlog.Segments(dir)
	if lerr != nil || corrupt.Dir != dir || corrupt.Segment < last {
		h.damage = append(h.damage, fmt.Errorf("the write-ahead log in %s cannot be read to its end, the samples behind are left out: %w", dir, err))
	}
	return nil
}

// Damage lists what could not be read.
func (h *History) Damage() []error { return slices.Clone(h.damage) }

// Bounds are the times of the oldest and of the newest sample; ok is false if
// there is none.
func (h *History) Bounds() (oldest, newest time.Time, ok bool) {
	mint, maxt := int64(math.MaxInt64), int64(math.MinInt64)
	for _, b := range h.blocks {
		mint, maxt = min(mint, b.MinTime()), max(maxt, b.MaxTime()-1)
	}
	if h.head != nil && h.head.NumSeries() > 0 {
		mint, maxt = min(mint, h.head.MinTime()), max(maxt, h.head.MaxTime())
	}
	if mint > maxt {
		return time.Time{}, time.Time{}, false
	}
	return time.UnixMilli(mint), time.UnixMilli(maxt), true
}

// Querier reads samples from mint to maxt, in milliseconds, both inclusive. It
// must be closed before the History is.
func (h *History) Querier(mint, maxt int64) (storage.Querier, error) {
	var parts []tsdb.BlockReader
	for _, b := range h.blocks {
		if b.OverlapsClosedInterval(mint, maxt) {
			parts = append(parts, b)
		}
	}
	if h.head != nil && h.head.NumSeries() > 0 && h.head.OverlapsClosedInterval(mint, maxt) {
		parts = append(parts, tsdb.NewRangeHead(h.head, mint, maxt))
	}
	qs := make([]storage.Querier, 0, len(parts))
	for _, p := range parts {
		q, err := tsdb.NewBlockQuerier(p, mint, maxt)
		if err != nil {
			for _, q := range qs {
				err = errors.Join(err, q.Close())
			}
			return nil, fmt.Errorf("query history: %w", err)
		}
		qs = append(qs, q)
	}
	return storage.NewMergeQuerier(qs, nil, storage.ChainedSeriesMerge), nil
}

// Close ends reading and removes the temporary directory.
func (h *History) Close() error { return errors.Join(h.unload(), os.RemoveAll(h.temp)) }

// unload closes all that load has opened.
func (h *History) unload() error {
	var errs []error
	for _, b := range h.blocks {
		errs = append(errs, b.Close())
	}
	if h.head != nil {
		errs = append(errs, h.head.Close())
	}
	h.blocks, h.head, h.damage = nil, nil, nil
	return errors.Join(append(errs, os.RemoveAll(filepath.Join(h.temp, "chunks_head")))...)
}

package storage

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/fileutil"
)

// compactor is the TSDB's own. What it cannot read is an error and not the end of
// the process, and blocks are only merged where there is room for both them and
// the merged one.
type compactor struct {
	tsdb.Compactor
	merger tsdb.Compactor // of blocks; it has a context of its own
	room   func(more int64) bool

	mu sync.Mutex
	// doomed are blocks that go with the next reload; guarded by mu.
	doomed map[ulid.ULID]struct{}
	reload bool // guarded by mu: with the next plan
}

// nothing is a plan that makes the TSDB look at its blocks again, which nothing
// else does that it exports.
const nothing = "nothing"

// newCompactor makes the compactor under contexts that can be cancelled: the
// TSDB's can only be cancelled by closing it, under the feet of the compaction. That
// of merges is another, so that what is in a head can be written when they have
// been cut short.
func (s *Store) newCompactor(ctx context.Context, h *handle, r prometheus.Registerer, l *slog.Logger, ranges []int64, pool chunkenc.Pool, opts *tsdb.Options) (tsdb.Compactor, error) {
	ctx, h.stopCompaction = context.WithCancel(ctx)
	merging, stop := context.WithCancel(ctx)
	h.stopMerges = stop
	ranges = wideSteps(ranges)
	o := tsdb.LeveledCompactorOptions{
		MaxBlockChunkSegmentSize:    opts.MaxBlockChunkSegmentSize,
		EnableOverlappingCompaction: opts.EnableOverlappingCompaction,
		PD:                          opts.PostingsDecoderFactory,
		FloatChunkEncoding:          func() chunkenc.Encoding { return opts.FloatChunkEncoding },
		Metrics:                     tsdb.NewCompactorMetrics(r),
	}
	c, err := tsdb.NewLeveledCompactorWithOptions(ctx, nil, l, ranges, pool, o)
	if err != nil {
		return nil, err
	}
	m, err := tsdb.NewLeveledCompactorWithOptions(merging, nil, l, ranges, pool, o)
	if err != nil {
		return nil, err
	}
	h.compactor = &compactor{Compactor: c, merger: m, room: func(more int64) bool { return s.hasRoom(h, more) }, doomed: map[ulid.ULID]struct{}{}}
	return h.compactor, nil
}

// wideSteps leaves out every second of the lengths that blocks are merged to, but
// for the first and the last: with each of them all samples are written once more.
func wideSteps(ranges []int64) (wide []int64) {
	for i, r := range ranges {
		if i == 0 || (len(ranges)-1-i)%2 == 0 {
			wide = append(wide, r)
		}
	}
	return wide
}

// doom makes the TSDB delete a block with its next compaction.
func (c *compactor) doom(id ulid.ULID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doomed[id] = struct{}{}
	c.reload = true
}

// due tells whether blocks wait for a reload.
func (c *compactor) due() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reload
}

// reloads tells whether this plan is the one that makes the TSDB look again.
func (c *compactor) reloads() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	reload := c.reload
	c.reload = false
	return reload
}

func (c *compactor) Plan(dir string) (plan []string, err error) {
	if c.reloads() {
		return []string{nothing}, nil
	}
	err = guard(func() (err error) { plan, err = c.Compactor.Plan(dir); return err })
	size := int64(0)
	for _, block := range plan {
		n, serr := fileutil.DirSize(block)
		if serr != nil {
			return nil, serr
		}
		size += n
	}
	if err != nil || !c.room(size) {
		return nil, err
	}
	return plan, nil
}

func (c *compactor) Compact(dest string, dirs []string, open []*tsdb.Block) (ids []ulid.ULID, err error) {
	if slices.Equal(dirs, []string{nothing}) {
		return nil, nil
	}
	err = guard(func() (err error) { ids, err = c.merger.Compact(dest, dirs, open); return err })
	return ids, err
}

func (c *compactor) Write(dest string, b tsdb.BlockReader, mint, maxt int64, base *tsdb.BlockMeta) (ids []ulid.ULID, err error) {
	err = guard(func() (err error) { ids, err = c.Compactor.Write(dest, b, mint, maxt, base); return err })
	return ids, err
}

// blocksToDelete tells the TSDB which of its blocks go: the doomed, and those
// beyond the retention. Their age is taken from the newest block, as the TSDB
// does, but never from a time that has not come yet: a clock that jumped ahead by
// a year must not cost the history. What has come is told by the monotonic clock,
// from the time at which the TSDB was opened.
func (s *Store) blocksToDelete(h *handle) tsdb.BlocksToDeleteFunc {
	opened := time.Now()
	return func(blocks []*tsdb.Block) map[ulid.ULID]struct{} {
		gone := map[ulid.ULID]struct{}{}
		keep := s.retention.Load().Time.Milliseconds()
		h.compactor.mu.Lock()
		defer h.compactor.mu.Unlock()
		newest := int64(math.MinInt64)
		for _, b := range blocks {
			newest = max(newest, b.Meta().MaxTime)
		}
		newest = min(newest, opened.Add(time.Since(opened)+s.opts.BlockDuration).UnixMilli())
		for _, b := range blocks {
			m := b.Meta()
			_, doomed := h.compactor.doomed[m.ULID]
			old := keep > 0 && newest-m.MaxTime >= keep
			if doomed || old || m.Compaction.Deletable {
				gone[m.ULID] = struct{}{}
			}
		}
		return gone
	}
}

// compactable tells whether the head is so long that a part of it should become a
// block: the TSDB's own measure.
func compactable(h *handle) bool {
	head := h.db.Head()
	mint, maxt := head.MinTime(), head.MaxTime()
	return mint != math.MaxInt64 && maxt-mint > h.blockRange/2*3
}

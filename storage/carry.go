package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

const (
	// carryWindow is how much of the past goes along into memory: what the windows
	// of most rules need.
	carryWindow = 2 * time.Hour
	// carrySamples bounds it where there are many: a scrape is waiting.
	carrySamples = 2_000_000
	// carrySlice is how much is copied at a time. Samples must come in the order of
	// time, as a head takes none that is older than half a block.
	carrySlice = 10 * time.Minute
	// carryBatch bounds one transaction.
	carryBatch = 20_000
	// returnWindow bounds what is brought back to the disk.
	returnWindow = 7 * 24 * time.Hour
)

// carry copies the samples from mint to maxt, in milliseconds and both inclusive,
// and returns how many it copied. What is there already, or too old to be taken,
// is passed over.
func carry(ctx context.Context, from storage.Queryable, to *tsdb.DB, mint, maxt int64) (total int, err error) {
	mint, maxt = max(mint, firstTime), min(maxt, lastTime)
	err = guard(func() error {
		for start := mint; start <= maxt; start += carrySlice.Milliseconds() {
			n, err := carryOne(ctx, from, to, start, min(start+carrySlice.Milliseconds()-1, maxt))
			total += n
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return total, fmt.Errorf("carry samples over: %w", err)
	}
	return total, nil
}

func carryOne(ctx context.Context, from storage.Queryable, to *tsdb.DB, mint, maxt int64) (n int, err error) {
	q, err := from.Querier(mint, maxt)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	w := &batchWriter{ctx: ctx, db: to, app: to.AppenderV2(ctx)}
	set := q.Select(ctx, false, &storage.SelectHints{Start: mint, End: maxt}, labels.MustNewMatcher(labels.MatchNotEqual, labels.MetricName, ""))
	var it chunkenc.Iterator
	for set.Next() && w.err == nil {
		s := set.At()
		w.ref = 0
		it = s.Iterator(it)
		for vt := it.Next(); vt != chunkenc.ValNone && w.err == nil; vt = it.Next() {
			w.add(s.Labels(), it, vt)
		}
		w.err = errors.Join(w.err, it.Err())
	}
	return w.n, errors.Join(w.err, set.Err(), w.app.Commit())
}

// batchWriter appends in transactions of bounded size.
type batchWriter struct {
	ctx context.Context
	db  *tsdb.DB
	app storage.AppenderV2
	ref storage.SeriesRef // of the series that is being copied
	n   int
	err error
}

func (w *batchWriter) add(ls labels.Labels, it chunkenc.Iterator, vt chunkenc.ValueType) {
	var (
		t  int64
		v  float64
		h  *histogram.Histogram
		fh *histogram.FloatHistogram
	)
	switch vt {
	case chunkenc.ValFloat:
		t, v = it.At()
	case chunkenc.ValHistogram:
		t, h = it.AtHistogram(nil)
	case chunkenc.ValFloatHistogram:
		t, fh = it.AtFloatHistogram(nil)
	}
	ref, err := w.app.Append(w.ref, ls, 0, t, v, h, fh, storage.AOptions{})
	if err != nil {
		return // it is there already, or older than what is there
	}
	w.ref = ref
	if w.n++; w.n%carryBatch == 0 {
		w.err = errors.Join(w.app.Commit(), context.Cause(w.ctx))
		w.app = w.db.AppenderV2(w.ctx)
	}
}

// headOnly reads what stands in the head: of it no more than chunks of the last
// hours are on the disk.
type headOnly struct{ head *tsdb.Head }

func (h headOnly) Querier(mint, maxt int64) (storage.Querier, error) {
	return tsdb.NewBlockQuerier(tsdb.NewRangeHead(h.head, mint, maxt), mint, maxt)
}

// windowFor is how far back from maxt the samples are worth copying: as far as
// carryWindow, and less where the last minute shows that these would be too many.
func windowFor(ctx context.Context, from storage.Queryable, maxt int64) (mint int64) {
	maxt = max(maxt, firstTime)
	n := 0
	_ = guard(func() error { // if it cannot be counted it cannot be copied either
		q, err := from.Querier(maxt-time.Minute.Milliseconds(), maxt)
		if err != nil {
			return err
		}
		defer q.Close()
		set := q.Select(ctx, false, nil, labels.MustNewMatcher(labels.MatchNotEqual, labels.MetricName, ""))
		var it chunkenc.Iterator
		for set.Next() {
			for it = set.At().Iterator(it); it.Next() != chunkenc.ValNone; {
				n++
			}
		}
		return set.Err()
	})
	minutes := int64(carrySamples / max(1, n))
	window := min(carryWindow.Milliseconds(), max(10, minutes)*time.Minute.Milliseconds())
	return maxt - window
}

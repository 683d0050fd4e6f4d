package storage

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"
)

// errFault is a read of a mapped file that the kernel could not serve: the disk
// has an error there, or the file has become shorter.
var errFault = errors.New("the file system does not give back what was stored")

// guard runs f. What the TSDB answers with a panic, and what the kernel answers
// with a signal that would end the process, becomes an error: a chunk that cannot
// be written, a mapped file that cannot be read.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer catch(&err)
	return f()
}

// catch is deferred.
func catch(err *error) {
	switch p := recover().(type) {
	case nil:
	case interface{ Addr() uintptr }: // what a fault panics with
		*err = fmt.Errorf("%w (at %#x)", errFault, p.Addr())
	case error:
		*err = fmt.Errorf("storage: %w", p)
	default:
		*err = fmt.Errorf("storage: %v", p)
	}
}

// querier holds the store open until it is closed, and tells it of what cannot be
// read. It belongs to one goroutine, as those of the TSDB do.
type querier struct {
	storage.Querier
	trouble func(error)
	release func()
	fault   bool // what the goroutine did on a fault before
}

func newQuerier(q storage.Querier, trouble func(error), release func()) *querier {
	return &querier{Querier: q, trouble: trouble, release: release, fault: debug.SetPanicOnFault(true)}
}

func (q *querier) Close() error {
	defer q.release()
	defer debug.SetPanicOnFault(q.fault)
	return q.Querier.Close()
}

// report passes the error on, and tells the store unless the caller caused it.
func (q *querier) report(err error) error {
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		q.trouble(err)
	}
	return err
}

func (q *querier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	var set storage.SeriesSet
	if err := guard(func() error { set = q.Querier.Select(ctx, sorted, hints, matchers...); return nil }); err != nil {
		return storage.ErrSeriesSet(q.report(err))
	}
	return &seriesSet{SeriesSet: set, q: q}
}

func (q *querier) LabelValues(ctx context.Context, name string, hints *storage.LabelHints, matchers ...*labels.Matcher) (values []string, notes annotations.Annotations, err error) {
	err = guard(func() (err error) {
		values, notes, err = q.Querier.LabelValues(ctx, name, hints, matchers...)
		return err
	})
	return values, notes, q.report(err)
}

func (q *querier) LabelNames(ctx context.Context, hints *storage.LabelHints, matchers ...*labels.Matcher) (names []string, notes annotations.Annotations, err error) {
	err = guard(func() (err error) {
		names, notes, err = q.Querier.LabelNames(ctx, hints, matchers...)
		return err
	})
	return names, notes, q.report(err)
}

type seriesSet struct {
	storage.SeriesSet
	q   *querier
	err error
}

func (s *seriesSet) Next() bool {
	if s.err != nil {
		return false
	}
	more := false
	s.err = s.q.report(guard(func() error { more = s.SeriesSet.Next(); return nil }))
	return more && s.err == nil
}

func (s *seriesSet) At() storage.Series { return series{s.SeriesSet.At(), s.q} }

func (s *seriesSet) Err() error {
	if s.err != nil {
		return s.err
	}
	return s.q.report(s.SeriesSet.Err())
}

type series struct {
	storage.Series
	q *querier
}

func (s series) Iterator(reuse chunkenc.Iterator) chunkenc.Iterator {
	it, ok := reuse.(*iterator)
	if !ok {
		it = &iterator{}
	}
	it.q, it.err = s.q, nil
	if err := guard(func() error { it.Iterator = s.Series.Iterator(it.Iterator); return nil }); err != nil {
		it.Iterator, it.err = chunkenc.NewNopIterator(), s.q.report(err)
	}
	return it
}

// iterator reads mapped files only in Next and Seek.
type iterator struct {
	chunkenc.Iterator
	q   *querier
	err error
}

func (it *iterator) Next() (v chunkenc.ValueType) {
	defer it.catch(&v)
	return it.Iterator.Next()
}

// millis is a name for go vet, which takes a Seek of an int64 for that of a file.
type millis = int64

func (it *iterator) Seek(t millis) (v chunkenc.ValueType) {
	defer it.catch(&v)
	return it.Iterator.Seek(t)
}

// catch is deferred: it does what the function of this name does, and ends the
// iteration. It calls recover itself, as only a deferred function can.
func (it *iterator) catch(v *chunkenc.ValueType) {
	p := recover()
	if p == nil {
		return
	}
	err := fmt.Errorf("%w (%v)", errFault, p)
	it.Iterator, it.err, *v = chunkenc.NewNopIterator(), it.q.report(err), chunkenc.ValNone
}

func (it *iterator) Err() error {
	if it.err != nil {
		return it.err
	}
	return it.q.report(it.Iterator.Err())
}

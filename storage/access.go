package storage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// AppenderV2 starts one transaction. While the store is not open the appender
// refuses every sample with ErrNotReady. Commit or Rollback must follow: until
// then the store cannot be closed.
func (s *Store) AppenderV2(ctx context.Context) storage.AppenderV2 {
	if !s.appending.enter() {
		return closedAppender{}
	}
	h, release, err := s.acquire()
	if err != nil {
		s.appending.leave()
		return closedAppender{}
	}
	return &appender{AppenderV2: h.db.AppenderV2(ctx), store: s, handle: h, release: release, latest: s.latest()}
}

// Querier reads samples from mint to maxt, in milliseconds, both inclusive. It
// must be closed: until then the store cannot be closed. Without an open TSDB
// the error is ErrNotReady. What the disk does not give back is an error too, and
// the store looks after it.
func (s *Store) Querier(mint, maxt int64) (storage.Querier, error) {
	h, release, err := s.acquire()
	if err != nil {
		return nil, err
	}
	var q storage.Querier
	if err := guard(func() (err error) { q, err = h.db.Querier(mint, maxt); return err }); err != nil {
		release()
		s.suspect(h, err)
		return nil, fmt.Errorf("open querier: %w", err)
	}
	return newQuerier(q, func(err error) { s.suspect(h, err) }, release), nil
}

// maxAhead is how far ahead of the present a sample may be. One that is further
// would keep all before it out: that of an evaluation which began before the clock
// was set back, say.
const maxAhead = time.Minute

func (s *Store) latest() int64 {
	if s.opts.Now == nil {
		return math.MaxInt64
	}
	return s.opts.Now().Add(maxAhead).UnixMilli()
}

// appender holds the store open until its transaction ends.
type appender struct {
	storage.AppenderV2
	store   *Store
	handle  *handle
	release func()
	samples int64
	ended   bool
	latest  int64 // no sample may be of a later time, in milliseconds
}

// Append implements storage.AppenderV2. A reference of another TSDB than the one
// that is open now would name another series there: it counts as none.
func (a *appender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	if t > a.latest {
		return 0, storage.ErrOutOfBounds
	}
	ref, err := a.AppenderV2.Append(a.own(ref), ls, st, t, v, h, fh, opts)
	a.samples++
	return a.foreign(ref), err
}

func (a *appender) own(ref storage.SeriesRef) storage.SeriesRef {
	if uint64(ref)>>generationShift != a.handle.generation {
		return 0
	}
	return ref & referenceMask
}

func (a *appender) foreign(ref storage.SeriesRef) storage.SeriesRef {
	if ref == 0 {
		return 0
	}
	return ref | storage.SeriesRef(a.handle.generation<<generationShift)
}

// Commit implements storage.AppenderV2. The error is ErrNotReady where another TSDB
// has taken the place of the one that the transaction began in.
func (a *appender) Commit() error {
	if a.ended {
		return a.AppenderV2.Commit() // which says that it is too late
	}
	if a.handle.replaced.Load() { // it took longer than an exchange waits
		return errors.Join(ErrNotReady, a.Rollback())
	}
	err := guard(a.AppenderV2.Commit)
	a.end()
	a.store.committed(a.handle, err)
	if err == nil {
		a.store.appended(a.handle, a.samples)
	}
	return err
}

func (a *appender) Rollback() error {
	if a.ended {
		return a.AppenderV2.Rollback()
	}
	defer a.end()
	return guard(a.AppenderV2.Rollback)
}

func (a *appender) end() {
	a.ended = true
	a.release()
	a.store.appending.leave()
}

// AppendExemplars passes exemplars on, so that the scraper finds the extension
// that the head has (storage.ExemplarAppenderV2).
func (a *appender) AppendExemplars(ref storage.SeriesRef, ls labels.Labels, es []exemplar.Exemplar) (storage.SeriesRef, error) {
	ea, ok := a.AppenderV2.(storage.ExemplarAppenderV2)
	if !ok {
		return 0, fmt.Errorf("append exemplars: %T takes none", a.AppenderV2)
	}
	ref, err := ea.AppendExemplars(a.own(ref), ls, es)
	return a.foreign(ref), err
}

// committed looks at how a transaction ended: a log that cannot be written is
// left for memory before the next one begins.
func (s *Store) committed(h *handle, err error) {
	if err == nil {
		if compactable(h) {
			s.upkeep.signal()
		}
		return
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return
	}
	s.suspect(h, fmt.Errorf("write samples: %w", err))
	if s.life.TryLock() { // else whoever has it, or upkeep, looks at it next
		defer s.life.Unlock()
		s.leaveSuspect()
	}
}

// closedAppender is the appender of a store that is not open. It has the
// extension that the open one has: who asks for it asks once.
type closedAppender struct{}

func (closedAppender) Append(storage.SeriesRef, labels.Labels, int64, int64, float64, *histogram.Histogram, *histogram.FloatHistogram, storage.AOptions) (storage.SeriesRef, error) {
	return 0, ErrNotReady
}
func (closedAppender) AppendExemplars(storage.SeriesRef, labels.Labels, []exemplar.Exemplar) (storage.SeriesRef, error) {
	return 0, ErrNotReady
}
func (closedAppender) Commit() error   { return ErrNotReady }
func (closedAppender) Rollback() error { return nil }

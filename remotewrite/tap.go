package remotewrite

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// Appendable is next with an ear at its commits: everything that is to be sent must
// be appended through it. Without remotes it costs nothing.
func (w *Writer) Appendable(next storage.AppendableV2) storage.AppendableV2 {
	return &tap{next: next, writer: w}
}

type tap struct {
	next    storage.AppendableV2
	writer  *Writer
	batches sync.Pool
}

// maxPooled bounds the batches that are kept for later transactions.
const maxPooled = 1 << 16

// AppenderV2 implements storage.AppendableV2.
func (t *tap) AppenderV2(ctx context.Context) storage.AppenderV2 {
	app := t.next.AppenderV2(ctx)
	if len(t.writer.current()) == 0 {
		return app
	}
	batch, _ := t.batches.Get().(*[]sample)
	if batch == nil {
		batch = &[]sample{}
	}
	return &appender{AppenderV2: app, tap: t, batch: batch}
}

// appender notes what storage has accepted.
type appender struct {
	storage.AppenderV2
	tap   *tap
	batch *[]sample
}

// Append implements storage.AppenderV2.
func (a *appender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	ref, err := a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
	partial := (*storage.AppendPartialError)(nil) // that one is about exemplars, the sample is in
	if err != nil && !errors.As(err, &partial) {
		return ref, err
	}
	s := sample{labels: ls, t: t, v: v}
	if h != nil {
		s.h = h.Copy()
	}
	if fh != nil {
		s.fh = fh.Copy()
	}
	*a.batch = append(*a.batch, s)
	return ref, err
}

// AppendExemplars implements storage.ExemplarAppenderV2 where the storage does.
func (a *appender) AppendExemplars(ref storage.SeriesRef, ls labels.Labels, es []exemplar.Exemplar) (storage.SeriesRef, error) {
	ea, ok := a.AppenderV2.(storage.ExemplarAppenderV2)
	if !ok {
		return 0, fmt.Errorf("append exemplars: %T takes none", a.AppenderV2)
	}
	return ea.AppendExemplars(ref, ls, es)
}

// Commit implements storage.AppenderV2. The remotes hear of it afterwards: what they
// read from storage before they began to listen is there then.
func (a *appender) Commit() error {
	defer a.done()
	err := a.AppenderV2.Commit()
	if len(*a.batch) == 0 {
		return err
	}
	for _, r := range a.tap.writer.current() {
		if err != nil {
			r.queue.doubt(*a.batch)
		} else {
			r.queue.push(*a.batch)
		}
	}
	return err
}

// Rollback implements storage.AppenderV2.
func (a *appender) Rollback() error {
	defer a.done()
	return a.AppenderV2.Rollback()
}

func (a *appender) done() {
	if cap(*a.batch) <= maxPooled {
		clear(*a.batch) // labels of series that may be no more
		*a.batch = (*a.batch)[:0]
		a.tap.batches.Put(a.batch)
	}
	a.batch = &[]sample{}
}

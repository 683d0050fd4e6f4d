package storage

import (
	"fmt"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// querier holds the store open until it is closed.
type querier struct {
	storage.Querier
	release func()
}

func (q *querier) Close() error {
	defer q.release()
	return q.Querier.Close()
}

// appender holds the store open until its transaction ends.
type appender struct {
	storage.AppenderV2
	release func()
}

func (a *appender) Commit() error {
	defer a.release()
	return a.AppenderV2.Commit()
}

func (a *appender) Rollback() error {
	defer a.release()
	return a.AppenderV2.Rollback()
}

// AppendExemplars passes exemplars on, so that the scraper finds the extension
// that the head has (storage.ExemplarAppenderV2).
func (a *appender) AppendExemplars(ref storage.SeriesRef, ls labels.Labels, es []exemplar.Exemplar) (storage.SeriesRef, error) {
	ea, ok := a.AppenderV2.(storage.ExemplarAppenderV2)
	if !ok {
		return 0, fmt.Errorf("append exemplars: %T takes none", a.AppenderV2)
	}
	return ea.AppendExemplars(ref, ls, es)
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

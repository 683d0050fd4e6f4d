package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// maxWriteAhead is how far in the future a sample may be.
const maxWriteAhead = 10 * time.Minute

// writeStore stores what remote writes hold. It answers as the receiver of
// Prometheus does, which a test compares, and which senders are written for.
type writeStore struct {
	appendable storage.AppendableV2
	metrics    *writeMetrics
}

// newWriteStore registers its metrics with reg, which may be nil.
func newWriteStore(appendable storage.AppendableV2, reg prometheus.Registerer) *writeStore {
	return &writeStore{appendable: appendable, metrics: newWriteMetrics(reg)}
}

// writeMetrics bear Prometheus's names.
type writeMetrics struct {
	invalid         prometheus.Counter
	withoutMetadata prometheus.Counter
}

func newWriteMetrics(reg prometheus.Registerer) *writeMetrics {
	m := &writeMetrics{
		invalid: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "prometheus_api_remote_write_invalid_labels_samples_total",
			Help: "Samples and histograms of remote writes that were refused for their labels; of version 1.0, series.",
		}),
		withoutMetadata: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "prometheus_api_remote_write_without_metadata_appended_samples_total",
			Help: "Samples and histograms of remote writes of version 2.0 that were stored and came without metadata.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.invalid, m.withoutMetadata)
	}
	return m
}

// Store stores a request that is decompressed. Its error is for the sender.
func (s *writeStore) Store(r *http.Request, message remoteapi.WriteMessageType) (*remoteapi.WriteResponse, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	resp, status := remoteapi.NewWriteResponse(), http.StatusNoContent
	if message == remoteapi.WriteV1MessageType {
		status, err = s.storeV1(r.Context(), body)
	} else {
		resp.WriteResponseStats, status, err = s.storeV2(r.Context(), body)
	}
	resp.SetStatusCode(status)
	return resp, err
}

// transact commits what fill has appended, or, if that returns an error or panics,
// nothing of it.
func (s *writeStore) transact(ctx context.Context, fill func(*writeAppender) error) error {
	app := &writeAppender{AppenderV2: s.appendable.AppenderV2(ctx), latest: time.Now().Add(maxWriteAhead).UnixMilli()}
	filled := false
	defer func() {
		if !filled {
			_ = app.Rollback() // the sender hears of what was before that
		}
	}()
	if err := fill(app); err != nil {
		return err
	}
	filled = true
	return app.Commit()
}

// writeAppender appends what others have timed and counted.
type writeAppender struct {
	storage.AppenderV2
	latest int64 // no sample may be of a later time, in milliseconds
}

// Append implements storage.AppenderV2. Histograms of a finer resolution than the
// TSDB takes become coarser.
func (a *writeAppender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	if t > a.latest {
		return 0, fmt.Errorf("%w: timestamp is too far in the future", storage.ErrOutOfBounds)
	}
	if h != nil && tooFine(h.Schema) {
		if err := h.ReduceResolution(histogram.ExponentialSchemaMax); err != nil {
			return 0, err
		}
	}
	if fh != nil && tooFine(fh.Schema) {
		if err := fh.ReduceResolution(histogram.ExponentialSchemaMax); err != nil {
			return 0, err
		}
	}
	return a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
}

func tooFine(schema int32) bool {
	return histogram.IsExponentialSchemaReserved(schema) && schema > histogram.ExponentialSchemaMax
}

// refusedForGood is whether a sample would be refused again if it were sent again.
func refusedForGood(err error) bool {
	return errors.Is(err, storage.ErrOutOfOrderSample) || errors.Is(err, storage.ErrOutOfBounds) ||
		errors.Is(err, storage.ErrDuplicateSampleForTimestamp) || errors.Is(err, storage.ErrTooOldSample) ||
		errors.As(err, new(histogram.Error))
}

// checkSeries says what is wrong with the labels of a series, which are sorted.
func checkSeries(ls labels.Labels) error {
	if !ls.Has(labels.MetricName) || !ls.IsValid(model.UTF8Validation) {
		return fmt.Errorf("invalid metric name or labels, got %v", ls.String())
	}
	if name, twice := ls.HasDuplicateLabelNames(); twice {
		return fmt.Errorf("invalid labels for series, labels %v, duplicated label %s", ls.String(), name)
	}
	return nil
}

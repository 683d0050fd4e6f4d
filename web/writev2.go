package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/storage"
)

// storeV2 stores a request of version 2.0: what is good of it, with the errors of
// the rest, or nothing if storage fails.
func (s *writeStore) storeV2(ctx context.Context, body []byte) (stats remoteapi.WriteResponseStats, status int, err error) {
	w := &writeV2{builder: labels.NewScratchBuilder(0)}
	if err := w.req.Unmarshal(body); err != nil {
		return stats, http.StatusBadRequest, err
	}
	err = s.transact(ctx, func(app *writeAppender) error {
		for i := range w.req.Timeseries {
			if err := w.append(app, &w.req.Timeseries[i]); err != nil {
				return err
			}
		}
		s.metrics.invalid.Add(float64(w.invalid))
		return nil
	})
	if err != nil {
		return stats, http.StatusInternalServerError, err
	}
	s.metrics.withoutMetadata.Add(float64(w.withoutMetadata))
	if len(w.refused) > 0 {
		return w.stats, http.StatusBadRequest, errors.Join(w.refused...)
	}
	return w.stats, http.StatusNoContent, nil
}

// writeV2 is a request of version 2.0 while it is stored.
type writeV2 struct {
	req     writev2.Request
	builder labels.ScratchBuilder

	stats                    remoteapi.WriteResponseStats
	refused                  []error
	invalid, withoutMetadata int // samples and histograms
}

// append appends a series. Its error ends the transaction: what is wrong with the
// series itself goes to refused.
func (w *writeV2) append(app *writeAppender, series *writev2.TimeSeries) error {
	size := len(series.Samples) + len(series.Histograms)
	ls, err := series.ToLabels(&w.builder, w.req.Symbols)
	if err != nil {
		w.invalid += size
		w.refuse(fmt.Errorf("parsing labels for series %v: %w", series.LabelsRefs, err))
		return nil
	}
	metadata, err := series.ToMetadata(w.req.Symbols)
	if err != nil {
		w.refuse(fmt.Errorf("parsing metadata for series %v: %w", series.LabelsRefs, err))
		return nil
	}
	if err := checkSeries(ls); err != nil {
		w.invalid += size
		w.refuse(err)
		return nil
	}
	if size == 0 {
		w.refuse(fmt.Errorf("TimeSeries must contain at least one sample or histogram for series %v", ls.String()))
		return nil
	}
	before := w.stats.AllSamples()
	ref, err := w.appendSamples(app, ls, series)
	if err != nil {
		return err
	}
	if metadata.IsEmpty() {
		w.withoutMetadata += w.stats.AllSamples() - before
	}
	w.appendExemplars(app, ref, ls, series.Exemplars)
	return nil
}

func (w *writeV2) appendSamples(app *writeAppender, ls labels.Labels, series *writev2.TimeSeries) (ref storage.SeriesRef, err error) {
	for _, p := range series.Samples {
		ref, err = app.Append(ref, ls, p.StartTimestamp, p.Timestamp, p.Value, nil, nil, storage.AOptions{})
		if err := w.count(&w.stats.Samples, ls, err); err != nil {
			return ref, err
		}
	}
	for _, p := range series.Histograms {
		if p.IsFloatHistogram() {
			ref, err = app.Append(ref, ls, p.StartTimestamp, p.Timestamp, 0, nil, p.ToFloatHistogram(), storage.AOptions{})
		} else {
			ref, err = app.Append(ref, ls, p.StartTimestamp, p.Timestamp, 0, p.ToIntHistogram(), nil, storage.AOptions{})
		}
		if err := w.count(&w.stats.Histograms, ls, err); err != nil {
			return ref, err
		}
	}
	return ref, nil
}

// count counts what was appended, or refuses it, unless it is storage that fails.
func (w *writeV2) count(stored *int, ls labels.Labels, err error) error {
	switch {
	case err == nil:
		*stored++
	case refusedForGood(err):
		w.refuse(fmt.Errorf("%w for series %v", err, ls.String()))
	default:
		return err
	}
	return nil
}

// appendExemplars counts those that storage does not object to, though it has no
// place for them: to a sender, a lower count is a loss.
func (w *writeV2) appendExemplars(app *writeAppender, ref storage.SeriesRef, ls labels.Labels, sent []writev2.Exemplar) {
	to, ok := app.AppenderV2.(storage.ExemplarAppenderV2)
	if !ok {
		return
	}
	var exemplars []exemplar.Exemplar
	for _, p := range sent {
		switch e, err := p.ToExemplar(&w.builder, w.req.Symbols); {
		case err != nil:
			w.refuse(fmt.Errorf("parsing exemplar for series %v: %w", ls.String(), err))
		case e.Ts <= app.latest:
			exemplars = append(exemplars, e)
		}
	}
	if len(exemplars) == 0 {
		return
	}
	slices.SortFunc(exemplars, exemplar.Compare) // as storage asks for
	if _, err := to.AppendExemplars(ref, ls, exemplars); err == nil {
		w.stats.Exemplars += len(exemplars)
	}
}

func (w *writeV2) refuse(err error) { w.refused = append(w.refused, err) }

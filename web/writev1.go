package web

import (
	"context"
	"net/http"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage"
)

// storeV1 stores a request of version 1.0: all of it or nothing, but for series with
// invalid labels, of which that version has no way to tell. Exemplars are left out:
// storage has no place for them.
func (s *writeStore) storeV1(ctx context.Context, body []byte) (status int, err error) {
	var req prompb.WriteRequest
	if err := req.Unmarshal(body); err != nil {
		return http.StatusBadRequest, err
	}
	err = s.transact(ctx, func(app *writeAppender) error {
		invalid := 0
		b := labels.NewScratchBuilder(0)
		for i := range req.Timeseries {
			series := &req.Timeseries[i]
			ls := series.ToLabels(&b, nil)
			if checkSeries(ls) != nil {
				invalid++
				continue
			}
			if err := appendV1(app, ls, series); err != nil {
				return err
			}
		}
		s.metrics.invalid.Add(float64(invalid))
		return nil
	})
	switch {
	case err == nil:
		return http.StatusNoContent, nil
	case refusedForGood(err):
		return http.StatusBadRequest, err
	}
	return http.StatusInternalServerError, err
}

func appendV1(app *writeAppender, ls labels.Labels, series *prompb.TimeSeries) (err error) {
	var ref storage.SeriesRef
	for _, p := range series.Samples {
		if ref, err = app.Append(ref, ls, 0, p.Timestamp, p.Value, nil, nil, storage.AOptions{}); err != nil {
			return err
		}
	}
	for _, p := range series.Histograms {
		if p.IsFloatHistogram() {
			ref, err = app.Append(ref, ls, 0, p.Timestamp, 0, nil, p.ToFloatHistogram(), storage.AOptions{})
		} else {
			ref, err = app.Append(ref, ls, 0, p.Timestamp, 0, p.ToIntHistogram(), nil, storage.AOptions{})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

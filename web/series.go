package web

import (
	"context"
	"net/http"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// checkEvery is after how many series a request looks whether its client is
// still there.
const checkEvery = 128

// series lists the label sets of series.
func (h *Handler) series(w http.ResponseWriter, r *http.Request) {
	if e := form(r); e != nil {
		h.respondError(w, e)
		return
	}
	if len(r.Form["match[]"]) == 0 {
		h.respondError(w, &apiError{typeBadData, errNoSelector})
		return
	}
	s, e := newSelection(r.Form)
	if e != nil {
		h.respondError(w, e)
		return
	}
	if err := s.narrow(r.Form); err != nil {
		h.respondError(w, badParameter("match[]", err))
		return
	}
	h.read(r, s, func(ctx context.Context, q storage.Querier) (any, annotations.Annotations, *apiError) {
		return listSeries(ctx, q, s)
	}).send(w)
}

func listSeries(ctx context.Context, q storage.Querier, s selection) ([]labels.Labels, annotations.Annotations, *apiError) {
	hints := &storage.SelectHints{
		Start: s.from.UnixMilli(), End: s.to.UnixMilli(), Limit: s.hint(),
		Func: "series", // there is no such function: it says that samples are not wanted
	}
	var sets []storage.SeriesSet
	for _, matchers := range s.sets {
		// Merging needs them sorted.
		sets = append(sets, q.Select(ctx, len(s.sets) > 1, hints, matchers...))
	}
	set := sets[0]
	if len(sets) > 1 {
		set = storage.NewMergeSeriesSet(sets, 0, storage.ChainedSeriesMerge)
	}
	found := []labels.Labels{}
	for n := 1; set.Next(); n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return nil, nil, queryError(ctx.Err())
		}
		if s.limit > 0 && len(found) == s.limit {
			notes := set.Warnings()
			return found, notes.Add(errTruncated), nil
		}
		found = append(found, set.At().Labels())
	}
	if err := set.Err(); err != nil {
		return nil, nil, queryError(err)
	}
	return found, set.Warnings(), nil
}

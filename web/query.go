package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/annotations"
)

type queryData struct {
	ResultType parser.ValueType `json:"resultType"`
	Result     encoded          `json:"result"`
}

// query is Prometheus's instant query.
func (h *Handler) query(w http.ResponseWriter, r *http.Request) {
	if e := form(r); e != nil {
		h.respondError(w, e)
		return
	}
	limit, err := parseLimit(r.Form.Get("limit"))
	if err != nil {
		h.respondError(w, badParameter("limit", err))
		return
	}
	at := h.opts.Now()
	if s := r.Form.Get("time"); s != "" {
		if at, err = parseTime(s); err != nil {
			h.respondError(w, badParameter("time", fmt.Errorf("invalid time value for 'time': %w", err)))
			return
		}
	}
	timeout, err := parseTimeout(r.Form.Get("timeout"))
	if err != nil {
		h.respondError(w, badParameter("timeout", err))
		return
	}
	expr := r.Form.Get("query")
	value, notes, e := h.evaluate(r.Context(), expr, at, timeout)
	if e != nil {
		h.respondError(w, e)
		return
	}
	if limit > 0 {
		var cut bool
		if value, cut = truncate(value, limit); cut {
			notes.Add(errors.New("results truncated due to limit"))
		}
	}
	h.respond(w, queryData{ResultType: value.Type(), Result: encoded{value}}, notes, expr)
}

// evaluate runs a query when one of the slots is free, within its time-out.
func (h *Handler) evaluate(ctx context.Context, expr string, at time.Time, timeout time.Duration) (parser.Value, annotations.Annotations, *apiError) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, queryError(fmt.Errorf("wait for other queries: %w", ctx.Err()))
	}
	defer func() { <-h.slots }()
	value, notes, err := h.opts.Query(ctx, expr, at)
	if err != nil {
		return nil, nil, queryError(err)
	}
	return value, notes, nil
}

// truncate cuts vectors and matrices to a number of series.
func truncate(value parser.Value, limit int) (cut parser.Value, isCut bool) {
	switch v := value.(type) {
	case promql.Vector:
		if len(v) > limit {
			return v[:limit], true
		}
	case promql.Matrix:
		if len(v) > limit {
			return v[:limit], true
		}
	}
	return value, false
}

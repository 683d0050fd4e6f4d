package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/engine"
)

// maxSteps bounds the points of one series of a range query, as in Prometheus:
// enough for a week by the minute, or for a year by the hour.
const maxSteps = 11_000

// question is a query and how it is to be answered.
type question struct {
	engine.Query
	timeout time.Duration
	limit   int    // series; zero means all
	stats   string // empty: without statistics
}

// query is Prometheus's instant query.
func (h *Handler) query(w http.ResponseWriter, r *http.Request) {
	h.answer(w, r, func(form url.Values) (question, *apiError) { return newQuestion(form, h.opts.Now()) })
}

// queryRange is Prometheus's range query.
func (h *Handler) queryRange(w http.ResponseWriter, r *http.Request) {
	h.answer(w, r, newRangeQuestion)
}

func (h *Handler) answer(w http.ResponseWriter, r *http.Request, read func(url.Values) (question, *apiError)) {
	if e := form(r); e != nil {
		h.respondError(w, e)
		return
	}
	q, e := read(r.Form)
	if e != nil {
		h.respondError(w, e)
		return
	}
	h.ask(r.Context(), q).send(w)
}

// ask runs a query and encodes its result before its slot is free again: memory
// is what slots are for. Sending may take its time.
func (h *Handler) ask(ctx context.Context, q question) reply {
	res, done, e := h.evaluate(ctx, q.Query, q.timeout)
	if e != nil {
		return h.encodeError(e)
	}
	defer done()
	data := queryData{value: res.Value}
	if q.limit > 0 {
		var cut bool
		if data.value, cut = truncate(res.Value, q.limit); cut {
			res.Notes.Add(errTruncated)
		}
	}
	if q.stats != "" {
		data.stats = res.Stats
		if q.stats != "true" && q.stats != "all" {
			res.Notes.Add(fmt.Errorf(`value %q for parameter "stats" is deprecated and will be rejected in the next major release, use "true" or "all"`, q.stats))
		}
	}
	return h.encode(data, res.Notes, q.Expr)
}

// errTruncated is a warning, in Prometheus's words.
var errTruncated = errors.New("results truncated due to limit")

// newQuestion reads the parameters of an instant query.
func newQuestion(form url.Values, now time.Time) (question, *apiError) {
	q := question{Query: engine.Query{Expr: form.Get("query")}, stats: form.Get("stats")}
	var e *apiError
	if q.limit, e = limitParameter(form); e != nil {
		return q, e
	}
	if q.Start, e = timeParameter(form, "time", now); e != nil {
		return q, e
	}
	return q, q.readTerms(form)
}

// newRangeQuestion reads the parameters of a range query.
func newRangeQuestion(form url.Values) (question, *apiError) {
	q := question{Query: engine.Query{Expr: form.Get("query")}, stats: form.Get("stats")}
	var (
		e   *apiError
		err error
	)
	if q.limit, e = limitParameter(form); e != nil {
		return q, e
	}
	if q.Start, err = parseTime(form.Get("start")); err != nil {
		return q, badParameter("start", err)
	}
	if q.End, err = parseTime(form.Get("end")); err != nil {
		return q, badParameter("end", err)
	}
	if q.End.Before(q.Start) {
		return q, badParameter("end", errors.New("end timestamp must not be before start time"))
	}
	if q.Step, err = parseDuration(form.Get("step")); err != nil {
		return q, badParameter("step", err)
	}
	switch steps := q.End.Sub(q.Start) / max(q.Step, 1); {
	case q.Step <= 0:
		return q, badParameter("step", errors.New("zero or negative query resolution step widths are not accepted. Try a positive integer"))
	case steps > maxSteps:
		return q, &apiError{typeBadData, errors.New("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")}
	case q.Step < time.Millisecond:
		// PromQL counts in milliseconds, and would divide by zero.
		return q, badParameter("step", errors.New("the step is less than a millisecond"))
	}
	return q, q.readTerms(form)
}

// readTerms reads what both kinds of queries have.
func (q *question) readTerms(form url.Values) *apiError {
	var err error
	if q.timeout, err = parseTimeout(form.Get("timeout")); err != nil {
		return badParameter("timeout", err)
	}
	if s := form.Get("lookback_delta"); s != "" {
		if q.Lookback, err = parseDuration(s); err != nil {
			return &apiError{typeBadData, fmt.Errorf("error parsing lookback delta duration: %w", err)}
		}
	}
	return nil
}

// evaluate runs a query when one of the slots is free, within its time-out. The
// slot and the memory of the result are given back by done.
func (h *Handler) evaluate(ctx context.Context, q engine.Query, timeout time.Duration) (res engine.Result, done func(), e *apiError) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	free, e := h.slot(ctx)
	if e != nil {
		return engine.Result{}, nil, e
	}
	defer func() {
		if done == nil { // also where the query panics
			free()
		}
	}()
	res, err := h.opts.Query(ctx, q)
	if err != nil {
		return engine.Result{}, nil, queryError(err)
	}
	return res, func() { res.Release(); free() }, nil
}

// slot waits until one of the slots is free.
func (h *Handler) slot(ctx context.Context) (free func(), e *apiError) {
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, queryError(fmt.Errorf("wait for other queries: %w", ctx.Err()))
	}
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

package web

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// selection is which series a request for series or labels is about.
type selection struct {
	from, to time.Time
	sets     [][]*labels.Matcher // one of them has to match; none: all series
	limit    int                 // of the list in the response; zero means all
}

// newSelection reads limit, start and end.
func newSelection(form url.Values) (s selection, e *apiError) {
	if s.limit, e = limitParameter(form); e != nil {
		return s, e
	}
	if s.from, s.to, e = interval(form); e != nil {
		return s, e
	}
	return s, nil
}

// narrow reads the selectors.
func (s *selection) narrow(form url.Values) (err error) {
	s.sets, err = parseMatchers(form["match[]"])
	return err
}

// hint is one more than the limit, so that what is left over is seen.
func (s *selection) hint() int {
	if s.limit > 0 && s.limit < math.MaxInt {
		return s.limit + 1
	}
	return s.limit
}

// reading answers from an open storage.
type reading func(context.Context, storage.Querier) (data any, notes annotations.Annotations, e *apiError)

// read calls f, in one of the slots and within the time-out of a query, and
// encodes what it gives while the storage is open: strings of the index live in
// it. A slow client does not keep it open.
func (h *Handler) read(r *http.Request, s selection, f reading) reply {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	free, e := h.slot(ctx)
	if e != nil {
		return h.encodeError(e)
	}
	defer free()
	q, err := h.opts.Queryable.Querier(s.from.UnixMilli(), s.to.UnixMilli())
	if err != nil {
		return h.encodeError(queryError(err))
	}
	defer q.Close()
	data, notes, e := f(ctx, q)
	if e != nil {
		return h.encodeError(e)
	}
	return h.encode(data, notes, "")
}

// interval reads start and end, which are open where they are missing.
func interval(form url.Values) (from, to time.Time, e *apiError) {
	if from, e = timeParameter(form, "start", minTime); e != nil {
		return from, to, e
	}
	if to, e = timeParameter(form, "end", maxTime); e != nil {
		return from, to, e
	}
	return from, to, nil
}

func timeParameter(form url.Values, name string, without time.Time) (time.Time, *apiError) {
	s := form.Get(name)
	if s == "" {
		return without, nil
	}
	t, err := parseTime(s)
	if err != nil {
		return t, badParameter(name, fmt.Errorf("invalid time value for '%s': %w", name, err))
	}
	return t, nil
}

func limitParameter(form url.Values) (int, *apiError) {
	n, err := parseLimit(form.Get("limit"))
	if err != nil {
		return 0, badParameter("limit", err)
	}
	return n, nil
}

// errNoSelector is what a request for series without any gets.
var errNoSelector = errors.New("no match[] parameter provided")

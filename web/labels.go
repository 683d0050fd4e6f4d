package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// lookup is a question to the index that gives a list of strings. It does not
// hear of the limit: the index would keep any of them, and others the next time.
type lookup func(context.Context, storage.Querier, ...*labels.Matcher) ([]string, annotations.Annotations, error)

// labelNames lists the names of labels.
func (h *Handler) labelNames(w http.ResponseWriter, r *http.Request) {
	h.look(w, r, func(ctx context.Context, q storage.Querier, ms ...*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelNames(ctx, nil, ms...)
	})
}

// labelValues lists the values of one label. A name that does not fit in a path
// comes as U__ and an escaped form.
func (h *Handler) labelValues(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if strings.HasPrefix(name, "U__") {
		name = model.UnescapeName(name, model.ValueEncodingEscaping)
	}
	if !model.UTF8Validation.IsValidLabelName(name) {
		h.respondError(w, &apiError{typeBadData, fmt.Errorf("invalid label name: %q", name)})
		return
	}
	h.look(w, r, func(ctx context.Context, q storage.Querier, ms ...*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelValues(ctx, name, nil, ms...)
	})
}

// look answers with what a lookup finds for the selection of a request.
func (h *Handler) look(w http.ResponseWriter, r *http.Request, f lookup) {
	if e := form(r); e != nil {
		h.respondError(w, e)
		return
	}
	s, e := newSelection(r.Form)
	if e != nil {
		h.respondError(w, e)
		return
	}
	if err := s.narrow(r.Form); err != nil {
		h.respondError(w, &apiError{typeBadData, err})
		return
	}
	h.read(r, s, func(ctx context.Context, q storage.Querier) (any, annotations.Annotations, *apiError) {
		return s.look(ctx, q, f)
	}).send(w)
}

// look joins what a lookup finds for each of the selectors.
func (s *selection) look(ctx context.Context, q storage.Querier, f lookup) ([]string, annotations.Annotations, *apiError) {
	sets := s.sets
	if len(sets) == 0 {
		sets = [][]*labels.Matcher{nil}
	}
	var (
		found []string
		notes annotations.Annotations
	)
	for _, matchers := range sets {
		list, more, err := f(ctx, q, matchers...)
		if err != nil {
			return nil, nil, queryError(err)
		}
		found = append(found, list...)
		notes.Merge(more)
	}
	slices.Sort(found)
	found = listed(slices.Compact(found))
	if s.limit > 0 && len(found) > s.limit {
		found = found[:s.limit]
		notes.Add(errTruncated)
	}
	return found, notes, nil
}

package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Metadata is what a target says of one family of metrics.
type Metadata struct {
	Target     labels.Labels
	Family     string
	Type       model.MetricType
	Help, Unit string
}

// apiMetadata is in the order of the fields in Prometheus's JSON.
type apiMetadata struct {
	Type model.MetricType `json:"type"`
	Unit string           `json:"unit"`
	Help string           `json:"help"`
}

// metadata tells what metrics there are, by name.
func (h *Handler) metadata(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, e := count(q, "limit")
	if e != nil {
		h.respondError(w, e)
		return
	}
	perMetric, e := count(q, "limit_per_metric")
	if e != nil {
		h.respondError(w, e)
		return
	}
	out := map[string][]apiMetadata{}
	for _, m := range h.opts.Metadata() {
		if name := q.Get("metric"); name != "" && name != m.Family {
			continue
		}
		list, known := out[m.Family]
		if !known && limit >= 0 && len(out) >= limit {
			break
		}
		entry := apiMetadata{Type: m.Type, Unit: m.Unit, Help: m.Help}
		if !slices.Contains(list, entry) && (perMetric <= 0 || len(list) < perMetric) {
			out[m.Family] = append(list, entry)
		}
	}
	h.respond(w, out)
}

type apiTargetMetadata struct {
	Target labels.Labels    `json:"target"`
	Metric string           `json:"metric,omitempty"`
	Type   model.MetricType `json:"type"`
	Help   string           `json:"help"`
	Unit   string           `json:"unit"`
}

// targetMetadata tells which target has said what of its metrics.
func (h *Handler) targetMetadata(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, e := count(q, "limit")
	if e != nil {
		h.respondError(w, e)
		return
	}
	var matchers []*labels.Matcher
	if s := q.Get("match_target"); s != "" {
		var err error
		if matchers, err = parser.NewParser(parser.Options{}).ParseMetricSelector(s); err != nil {
			h.respondError(w, badParameter("match_target", err))
			return
		}
	}
	out := []apiTargetMetadata{}
	name := q.Get("metric")
	for _, m := range h.opts.Metadata() {
		if limit >= 0 && len(out) >= limit {
			break
		}
		if name != "" && name != m.Family || !matchAll(matchers, m.Target) {
			continue
		}
		entry := apiTargetMetadata{Target: m.Target, Metric: m.Family, Type: m.Type, Help: m.Help, Unit: m.Unit}
		if name != "" {
			entry.Metric = "" // as Prometheus: the client knows what it asked for
		}
		out = append(out, entry)
	}
	h.respond(w, out)
}

func matchAll(matchers []*labels.Matcher, ls labels.Labels) bool {
	return !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(ls.Get(m.Name)) })
}

// count reads a number; -1 if there is none.
func count(q url.Values, name string) (int, *apiError) {
	s := q.Get(name)
	if s == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, &apiError{typeBadData, errors.New(name + " must be a number")}
	}
	return n, nil
}

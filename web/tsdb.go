package web

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// Bounds of the lists in the status of the TSDB, as in Prometheus.
const (
	defaultTSDBLimit = 10
	maxTSDBLimit     = 10_000
)

// Cardinality is what the TSDB's head consists of, in Prometheus's JSON.
type Cardinality struct {
	Head           HeadStats     `json:"headStats"`
	SeriesByMetric []NamedNumber `json:"seriesCountByMetricName"`
	ValuesByLabel  []NamedNumber `json:"labelValueCountByLabelName"`
	BytesByLabel   []NamedNumber `json:"memoryInBytesByLabelName"`
	SeriesByPair   []NamedNumber `json:"seriesCountByLabelValuePair"`
}

// HeadStats are the numbers of the head; times in milliseconds.
type HeadStats struct {
	Series     uint64 `json:"numSeries"`
	LabelPairs uint64 `json:"numLabelPairs"`
	Chunks     int64  `json:"chunkCount"`
	MinTime    int64  `json:"minTime"`
	MaxTime    int64  `json:"maxTime"`
}

// NamedNumber is the number of something that has a name.
type NamedNumber struct {
	Name  string `json:"name"`
	Value uint64 `json:"value"`
}

// tsdbStatus tells where the series come from.
func (h *Handler) tsdbStatus(w http.ResponseWriter, r *http.Request) {
	limit := defaultTSDBLimit
	if s := r.URL.Query().Get("limit"); s != "" {
		var err error
		limit, err = strconv.Atoi(s)
		switch {
		case err != nil || limit < 1:
			h.respondError(w, &apiError{typeBadData, errors.New("limit must be a positive number")})
			return
		case limit > maxTSDBLimit:
			h.respondError(w, &apiError{typeBadData, fmt.Errorf("limit must not exceed %d", maxTSDBLimit)})
			return
		}
	}
	c, err := h.opts.Cardinality(limit)
	switch {
	case errors.Is(err, ErrUnavailable):
		h.respondError(w, &apiError{typeUnavailable, err})
	case err != nil:
		h.respondError(w, &apiError{typeInternal, err})
	default:
		h.respond(w, c)
	}
}

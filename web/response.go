package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/annotations"
)

// statusClientGone is what Prometheus answers to a client that has hung up.
const statusClientGone = 499

// maxNotes bounds the warnings and the infos of a response, as in Prometheus.
const maxNotes = 10

// Error types of Prometheus's API.
const (
	typeBadData     = "bad_data"
	typeExecution   = "execution"
	typeCanceled    = "canceled"
	typeTimeout     = "timeout"
	typeInternal    = "internal"
	typeUnavailable = "unavailable"
)

// response is the envelope of Prometheus's API.
type response struct {
	Status    string   `json:"status"`
	Data      any      `json:"data,omitempty"`
	ErrorType string   `json:"errorType,omitempty"`
	Error     string   `json:"error,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
	Infos     []string `json:"infos,omitempty"`
}

// apiError is an error with its type in Prometheus's API.
type apiError struct {
	kind string
	err  error
}

func badParameter(name string, err error) *apiError {
	return &apiError{typeBadData, fmt.Errorf("invalid parameter %q: %w", name, err)}
}

// queryError finds the type of what a query failed with.
func queryError(err error) *apiError {
	var (
		parse    parser.ParseErrors
		canceled promql.ErrQueryCanceled
		timeout  promql.ErrQueryTimeout
		storage  promql.ErrStorage
	)
	switch {
	case errors.Is(err, ErrUnavailable):
		return &apiError{typeUnavailable, err}
	case errors.As(err, &parse):
		return badParameter("query", err)
	case errors.As(err, &canceled), errors.Is(err, context.Canceled):
		return &apiError{typeCanceled, err}
	case errors.As(err, &timeout), errors.Is(err, context.DeadlineExceeded):
		return &apiError{typeTimeout, err}
	case errors.As(err, &storage):
		return &apiError{typeInternal, err}
	}
	return &apiError{typeExecution, err}
}

func (e *apiError) status() int {
	switch e.kind {
	case typeBadData:
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(e.err, &tooLarge) {
			return http.StatusRequestEntityTooLarge
		}
		return http.StatusBadRequest
	case typeExecution:
		return http.StatusUnprocessableEntity
	case typeCanceled:
		return statusClientGone
	case typeTimeout, typeUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// respond sends data, and what the evaluation of expr has remarked on.
func (h *Handler) respond(w http.ResponseWriter, data any, notes annotations.Annotations, expr string) {
	warnings, infos := noteTexts(notes, expr)
	h.respondJSON(w, http.StatusOK, response{Status: "success", Data: data, Warnings: warnings, Infos: infos})
}

func (h *Handler) respondError(w http.ResponseWriter, e *apiError) {
	h.respondJSON(w, e.status(), response{Status: "error", ErrorType: e.kind, Error: e.err.Error()})
}

func (h *Handler) respondJSON(w http.ResponseWriter, status int, body response) {
	text, err := json.Marshal(body)
	if err != nil {
		h.log.Error("response not encoded", "err", err)
		writePlain(w, http.StatusInternalServerError, "encode response: "+err.Error()+"\n")
		return
	}
	writeBody(w, status, "application/json", text)
}

// noteTexts sorts before it cuts, so that equal requests get equal responses.
func noteTexts(notes annotations.Annotations, expr string) (warnings, infos []string) {
	warnings, infos = notes.AsStrings(expr, 0, 0)
	return firstNotes(warnings, "warning"), firstNotes(infos, "info")
}

func firstNotes(notes []string, kind string) []string {
	slices.Sort(notes)
	if len(notes) <= maxNotes {
		return notes
	}
	return append(notes[:maxNotes], fmt.Sprintf("%d more %s annotations omitted", len(notes)-maxNotes, kind))
}

// form reads the parameters of a request, from the URL and from the body.
func form(r *http.Request) *apiError {
	err := r.ParseForm()
	if err == nil {
		err = r.ParseMultipartForm(maxForm)
	}
	if err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return &apiError{typeBadData, fmt.Errorf("read form values: %w", err)}
	}
	return nil
}

package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/tocsin/tocsin/engine"
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
	// typeForbidden is ours: Prometheus refuses nobody.
	typeForbidden = "forbidden"
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

// jsonAppender is data that writes its own JSON. A large result goes through no
// second buffer that way.
type jsonAppender interface {
	appendJSON(b []byte) ([]byte, error)
}

// encode is the response as JSON.
func (r *response) encode() ([]byte, error) {
	data, ok := r.Data.(jsonAppender)
	if !ok {
		return json.Marshal(r)
	}
	b, err := data.appendJSON([]byte(`{"status":"success","data":`))
	if err != nil {
		return nil, err
	}
	notes, err := json.Marshal(response{Warnings: r.Warnings, Infos: r.Infos})
	if err != nil {
		return nil, err
	}
	return append(b, bytes.TrimPrefix(notes, []byte(`{"status":""`))...), nil
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
		invalid  engine.InvalidQueryError
		canceled promql.ErrQueryCanceled
		timeout  promql.ErrQueryTimeout
		storage  promql.ErrStorage
	)
	switch {
	case errors.Is(err, ErrUnavailable):
		return &apiError{typeUnavailable, err}
	case errors.As(err, &invalid):
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
	case typeForbidden:
		return http.StatusForbidden
	case typeNotFound:
		return http.StatusNotFound
	case typeExecution:
		return http.StatusUnprocessableEntity
	case typeCanceled:
		return statusClientGone
	case typeTimeout, typeUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// reply is a response as it goes out.
type reply struct {
	status int
	text   []byte
}

// encode makes the reply with data, and with what the evaluation of expr has
// remarked on. Nothing that data refers to is needed afterwards.
func (h *Handler) encode(data any, notes annotations.Annotations, expr string) reply {
	warnings, infos := noteTexts(notes, expr)
	return h.encodeResponse(http.StatusOK, response{Status: "success", Data: data, Warnings: warnings, Infos: infos})
}

func (h *Handler) encodeError(e *apiError) reply {
	return h.encodeResponse(e.status(), response{Status: "error", ErrorType: e.kind, Error: e.err.Error()})
}

func (h *Handler) encodeResponse(status int, body response) reply {
	text, err := body.encode()
	if err != nil {
		h.log.Error("response not encoded", "err", err)
		return h.encodeError(&apiError{typeInternal, fmt.Errorf("encode response: %w", err)})
	}
	return reply{status, text}
}

func (r reply) send(w http.ResponseWriter) { writeBody(w, r.status, "application/json", r.text) }

// respond sends data that nobody has to be asked for.
func (h *Handler) respond(w http.ResponseWriter, data any) {
	h.encode(data, annotations.Annotations{}, "").send(w)
}

func (h *Handler) respondError(w http.ResponseWriter, e *apiError) { h.encodeError(e).send(w) }

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

package web

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// plainCSP is the policy of everything that is not a page of ours.
const plainCSP = "default-src 'none'; frame-ancestors 'none'"

// maxStack bounds the stack in the log line of a panic: on Docker 20.10 a line of
// 64 KiB ends the plugin's log stream for good, and quoting can double it.
const maxStack = 8 << 10

// guard is what all requests have in common: security headers, the refusal of
// strangers, a limit on the body, and an answer and a log line for panics.
func (h *Handler) guard(w http.ResponseWriter, r *http.Request, next http.Handler) {
	header := w.Header()
	header.Set("Content-Security-Policy", plainCSP)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	rec := &recorder{ResponseWriter: w, gzip: acceptsGzip(r)}
	r.Body = http.MaxBytesReader(w, r.Body, bodyLimit(r))
	began := time.Now()
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler { //nolint:errorlint // a panic value that net/http compares so
				panic(p)
			}
			h.panicked(rec, r, p)
		}
		h.metrics.count(r.Pattern, rec.code(), time.Since(began))
	}()
	if reason, text := h.hosts.refusal(r); reason != "" {
		h.metrics.refused.WithLabelValues(reason).Inc()
		h.refuse(rec, r, text)
		return
	}
	next.ServeHTTP(rec, r)
}

func bodyLimit(r *http.Request) int64 {
	if r.URL.Path == writePath {
		return maxWrite
	}
	return maxForm
}

// refuse answers in the language of the one who asks.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, text string) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		h.respondError(w, &apiError{typeForbidden, errors.New(text)})
		return
	}
	writePlain(w, http.StatusForbidden, text+"\n")
}

func (h *Handler) panicked(w *recorder, r *http.Request, p any) {
	h.metrics.panics.Inc()
	stack := debug.Stack()
	h.log.Error("request panicked", "method", r.Method, "path", fmt.Sprintf("%.200s", r.URL.Path),
		"panic", fmt.Sprintf("%.1000v", p), "stack", string(stack[:min(len(stack), maxStack)]))
	if w.status == 0 {
		http.Error(w, "internal error, a fault of Tocsin; its log says more", http.StatusInternalServerError)
	}
}

// recorder remembers the status of a response.
type recorder struct {
	http.ResponseWriter
	status int  // zero until the header is written
	gzip   bool // the client takes it
}

// WriteHeader is http.ResponseWriter's.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write is http.ResponseWriter's.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/golang/snappy"
	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
)

const (
	writePath = "/api/v1/write"
	// maxWrite bounds the body of one remote write, maxWritten what it is when
	// decompressed. Prometheus sends less than a tenth of that, other senders up
	// to 8 MiB; in protobuf's structures it takes several times as much memory.
	maxWrite   = 8 << 20
	maxWritten = 16 << 20
	// maxWrites are taken at once, the others wait.
	maxWrites = 2
	// writeLogEvery is how often failures to store are logged.
	writeLogEvery = 30 * time.Second
)

// writer is a remote-write receiver for the versions 1.0 and 2.0 of the protocol.
// What it refuses it tells the sender alone: a sender that is wrong
// is wrong many times a second, and our log is small.
func (h *Handler) writer() http.HandlerFunc {
	if h.opts.Appendable == nil {
		return func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "remote write receiver needs to be enabled with --web.enable-remote-write-receiver (WEB_ENABLE_REMOTE_WRITE_RECEIVER=on)", http.StatusNotFound)
		}
	}
	accepted := remoteapi.MessageTypes{remoteapi.WriteV1MessageType, remoteapi.WriteV2MessageType}
	next := remoteapi.NewWriteHandler(newWriteStore(h.opts.Appendable, h.opts.Registerer), accepted)
	failures := &failureLog{log: h.log}
	return func(w http.ResponseWriter, r *http.Request) {
		if h.opts.Status().Storage.Mode == "" {
			http.Error(w, ErrUnavailable.Error(), http.StatusServiceUnavailable)
			return
		}
		select {
		case h.writes <- struct{}{}:
		case <-r.Context().Done():
			http.Error(w, "too many writes at once", http.StatusServiceUnavailable)
			return
		}
		defer func() { <-h.writes }()
		body, err := readWrite(r)
		if err != nil {
			http.Error(w, err.Error(), writeStatus(err))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
		if rec, ok := w.(*recorder); ok {
			failures.note(rec.code())
		}
	}
}

var errWriteTooLarge = fmt.Errorf("the decompressed request exceeds the limit of %d bytes", maxWritten)

// readWrite reads a body that is neither too large as it comes, nor as it says it
// will be.
func readWrite(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	// What is not snappy is for the handler to refuse.
	if n, err := snappy.DecodedLen(body); err == nil && n > maxWritten {
		return nil, errWriteTooLarge
	}
	return body, nil
}

// writeStatus makes the sender try again unless that would not help: samples are
// lost with a 4xx.
func writeStatus(err error) int {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) || errors.Is(err, errWriteTooLarge) {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusServiceUnavailable
}

// failureLog tells of writes that could not be stored: the first, then one line
// in a while, then the recovery.
type failureLog struct {
	log *slog.Logger

	mu     sync.Mutex
	failed int       // guarded by mu: since the last success
	logged time.Time // guarded by mu
}

func (f *failureLog) note(status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case status >= http.StatusInternalServerError:
		f.failed++
		if time.Since(f.logged) >= writeLogEvery {
			f.logged = time.Now()
			f.log.Warn("remote write not stored", "status", status, "failures", f.failed)
		}
	case status < http.StatusBadRequest && f.failed > 0:
		f.log.Info("remote write recovered", "failures", f.failed)
		f.failed, f.logged = 0, time.Time{}
	}
}

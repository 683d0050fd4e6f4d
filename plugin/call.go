package plugin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"
)

// Paths of the protocol.
const (
	pathActivate = "/Plugin.Activate"
	pathStart    = "/MetricsCollector.StartMetrics"
	pathStop     = "/MetricsCollector.StopMetrics"
)

// maxStack bounds the stack in the log line of a panic: on Docker 20.10 a line of
// 64 KiB ends the plugin's log stream for good, and quoting can double it.
const maxStack = 8 << 10

// serve answers one request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	var callback func(context.Context) error
	switch r.URL.Path {
	case pathActivate:
	case pathStart:
		callback = s.opts.Start
	case pathStop:
		callback = s.opts.Stop
	default:
		if s.opts.Other != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			s.opts.Other.ServeHTTP(w, r)
			return
		}
		s.refuse(w, r, http.StatusNotFound,
			fmt.Errorf("unknown call %.100q: this plugin knows %s, %s and %s", r.URL.Path, pathActivate, pathStart, pathStop))
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		s.refuse(w, r, http.StatusMethodNotAllowed, fmt.Errorf("method %.20q is not allowed: %s takes POST", r.Method, r.URL.Path))
		return
	}
	if err := checkBody(r.Body); err != nil {
		s.refuse(w, r, http.StatusBadRequest, fmt.Errorf("%s: %w", r.URL.Path, err))
		return
	}
	if callback == nil {
		s.metrics.count(pathActivate, resultOK)
		s.answer(w, http.StatusOK, activation{Implements: []string{"MetricsCollector"}})
		return
	}
	err := s.call(r.URL.Path, callback)
	if err != nil {
		s.metrics.count(r.URL.Path, resultFailed)
		s.log.Warn("plugin call failed", "call", r.URL.Path, "err", errorText(err))
		s.answer(w, http.StatusInternalServerError, outcome{Err: errorText(err)})
		return
	}
	s.metrics.count(r.URL.Path, resultOK)
	s.log.Debug("plugin call answered", "call", r.URL.Path)
	s.answer(w, http.StatusOK, outcome{})
}

// refuse answers a request that is wrong in itself: no callback has run.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	s.metrics.count(r.URL.Path, resultRefused)
	s.log.Warn("plugin call refused", "status", status, "err", err)
	s.answer(w, status, outcome{Err: errorText(err)})
}

// call runs a callback when its turn has come, and returns its error. It does not
// wait for ever, neither for the turn nor for the callback: an answer that says
// so is worth more than silence. A callback that it gave up on keeps the turn
// until it returns.
func (s *Server) call(name string, callback func(context.Context) error) error {
	wait := time.NewTimer(s.turnTimeout())
	defer wait.Stop()
	select {
	case s.turn <- struct{}{}:
	case <-wait.C:
		return fmt.Errorf("an earlier call has not ended for %s", s.turnTimeout())
	case <-s.base.Done():
		return errors.New("the plugin is stopping")
	}

	ctx, cancel := context.WithTimeout(s.base, s.opts.CallTimeout)
	done := make(chan error, 1)
	go func() {
		defer cancel()
		err := s.protect(ctx, name, callback)
		<-s.turn
		done <- err
	}()

	late := time.NewTimer(s.opts.CallTimeout + lateGrace)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return fmt.Errorf("the call has not ended after %s", s.opts.CallTimeout+lateGrace)
	}
}

// protect turns a panic of the callback into an error, and logs its stack.
func (s *Server) protect(ctx context.Context, name string, callback func(context.Context) error) (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		stack := debug.Stack()
		s.log.Error("plugin call panicked", "call", name, "panic", fmt.Sprintf("%.1000v", p), "stack", string(stack[:min(len(stack), maxStack)]))
		err = fmt.Errorf("internal error, a fault of Tocsin: %v", p)
	}()
	return callback(ctx)
}

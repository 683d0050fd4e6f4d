// Package plugin answers the Docker engine's plugin protocol for
// docker.metricscollector/1.0: HTTP POSTs with JSON over a unix socket. It knows
// two callbacks and no domain, and imports nothing of this module.
//
// Its invariants:
//   - While Run runs, every request is answered. A bad request, a callback that
//     fails, panics or does not return gets a status and a text in "Err", never a
//     closed connection: the engine takes that for a plugin that is not up yet,
//     and calls again up to four times.
//   - Callbacks never run at the same time, and run in the order of their calls.
//   - What the engine has asked for is done even if it hangs up before the
//     answer: it does not ask again after its last try.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// defaultCallTimeout leaves room in the 15 s that the engine's own shutdown
	// takes at least, of which StopMetrics is a part.
	defaultCallTimeout = 10 * time.Second
	// lateGrace is what a callback has after its context has ended, before the
	// engine is told that it hangs.
	lateGrace = time.Second
	// readTimeout is ample for a peer on the same host that sends a few hundred
	// bytes; whoever needs longer is stuck and must not hold a connection.
	readTimeout = 5 * time.Second
	// idleTimeout closes the engine's connection between StartMetrics and a
	// StopMetrics that may come weeks later; it dials again.
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
	// shutdownGrace is what a call in flight has to end by itself when Run is
	// told to stop; cancelGrace is what it has after its context was cancelled.
	shutdownGrace = 2 * time.Second
	cancelGrace   = time.Second
)

// Options say where the plugin is served and what its calls do.
type Options struct {
	// Socket is the path of the unix socket: the file that config.json names,
	// below /run/docker/plugins. Linux takes up to 107 bytes.
	Socket string

	// Start and Stop are called for StartMetrics and StopMetrics, never at the
	// same time. Both must be idempotent: the engine calls StartMetrics again
	// after a restart of its own with no StopMetrics between, and repeats calls
	// whose connection broke. Start should return at once and work behind: a
	// Docker engine that boots waits for it. An error is answered with status
	// 500 and its text, which the engine then logs; the problems of a joined
	// error get a line each. The context ends CallTimeout after the call has
	// begun, or when Run stops; it does not end when the engine hangs up.
	Start, Stop func(ctx context.Context) error

	// Other answers what is read (GET, HEAD) at any path that is none of the
	// protocol's; its requests end when Run is told to stop. May be nil.
	Other http.Handler

	// CallTimeout bounds one callback; zero means 10 s.
	CallTimeout time.Duration

	// Logger is required.
	Logger *slog.Logger
	// Registerer receives the metrics of the calls; nil means none.
	Registerer prometheus.Registerer
}

// Server is the plugin's end of the socket. Use it as New, Listen, Run; Close
// only if Run is never reached.
type Server struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics
	http    *http.Server

	// turn holds a token while a callback runs. Senders on a channel queue in
	// order of arrival, which a mutex does not promise.
	turn chan struct{}
	// base is the parent of all callbacks' contexts.
	base   context.Context
	cancel context.CancelFunc

	// listener and socket are set by Listen, and read by Run and Close.
	listener *net.UnixListener
	socket   os.FileInfo
}

// New checks the options and builds a server that does not listen yet. It fails
// only on missing options.
func New(opts Options) (*Server, error) {
	if opts.Socket == "" {
		return nil, errors.New("plugin: no socket path")
	}
	if opts.Start == nil || opts.Stop == nil {
		return nil, errors.New("plugin: Start and Stop are required")
	}
	if opts.Logger == nil {
		return nil, errors.New("plugin: no logger")
	}
	if opts.CallTimeout < 0 {
		return nil, fmt.Errorf("plugin: negative call timeout %s", opts.CallTimeout)
	}
	if opts.CallTimeout == 0 {
		opts.CallTimeout = defaultCallTimeout
	}
	s := &Server{
		opts:    opts,
		log:     opts.Logger.With("component", "plugin"),
		metrics: newMetrics(opts.Registerer),
		turn:    make(chan struct{}, 1),
	}
	s.base, s.cancel = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		// A call may wait for its turn and then run to its limit. Were the
		// connection cut before that, its answer would be lost and the engine
		// would call again.
		WriteTimeout: readTimeout + s.turnTimeout() + opts.CallTimeout + 2*lateGrace,
		ErrorLog:     slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// turnTimeout is how long a call waits for those before it: the one that runs
// and one more, to the end of their limits.
func (s *Server) turnTimeout() time.Duration { return 2 * (s.opts.CallTimeout + lateGrace) }

// Run serves the socket until ctx is done. Calls in flight then have 2 s to end
// before their contexts are cancelled, and 1 s more to answer that; the socket
// file is removed. It fails if Listen was not called, if the socket breaks, and if
// a callback runs on after all that. It may be called once.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		return errors.New("plugin: Run before Listen")
	}
	defer s.cancel()
	s.http.BaseContext = func(net.Listener) context.Context { return ctx } // calls have one of their own
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	var err error
	select {
	case err = <-served:
		err = fmt.Errorf("serve plugin socket: %w", err)
		served <- nil
	case <-ctx.Done():
	}
	err = errors.Join(err, s.drain(), s.Close())
	<-served
	return err
}

// drain stops taking calls and waits for those in flight, for a bounded time. On
// the way out it takes the turn, so that no callback runs after it.
func (s *Server) drain() error {
	grace, stop := context.WithTimeout(context.Background(), shutdownGrace)
	defer stop()
	// Its error is the deadline. That passes too when somebody has merely
	// connected and sent nothing, so what counts is whether a callback runs.
	_ = s.http.Shutdown(grace)
	if s.idle(grace) {
		return s.http.Close()
	}
	s.cancel()
	last, stopLast := context.WithTimeout(context.Background(), cancelGrace)
	defer stopLast()
	idle := s.idle(last)
	_ = s.http.Shutdown(last) // as above: this lets the answers of cancelled calls out
	err := s.http.Close()
	if !idle {
		return errors.Join(err, errors.New("plugin: a call is still running and was given up"))
	}
	return err
}

// idle takes the turn, for good, if it is free or becomes so before ctx is done.
func (s *Server) idle(ctx context.Context) bool {
	select {
	case s.turn <- struct{}{}:
		return true
	default:
	}
	select {
	case s.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

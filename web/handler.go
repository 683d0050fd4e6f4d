// Package web shows what Tocsin knows to whoever asks: Prometheus's HTTP API for
// alerts, rules and instant queries, the process's own metrics, two probes, and a
// status page that needs no script.
//
// Its invariants: it reads immutable snapshots and never waits for a tick; it
// changes nothing; a response is complete before its first byte is sent; what
// comes from rule files, targets and queries is text, never markup.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/tocsin/tocsin/engine"
)

const (
	// queryTimeout bounds a query as Prometheus does by default; a request may
	// ask for less.
	queryTimeout = 2 * time.Minute
	// maxQueries are evaluated at once, the others wait: a small machine has the
	// memory for a few.
	maxQueries = 4
	// maxForm bounds the body of a POST; it is an expression and a few numbers.
	maxForm = 256 << 10
	// maxHeader bounds the request line too, which carries expressions.
	maxHeader = 256 << 10
)

// ErrUnavailable is what Options.Query wraps when there is no storage to query,
// because it is not open yet or no longer. It is answered with status 503.
var ErrUnavailable = errors.New("storage is not open")

// Options are what the handler reads from. All but Registerer and Now
// are required. The funcs are called once or more a request, from
// many goroutines, and must return at once; Query may take its time.
type Options struct {
	// Snapshot is the engine's last; it may return nil before the first tick.
	Snapshot func() *engine.Snapshot
	// Status is everything else that the page shows.
	Status func() Status
	// Query evaluates an expression at one moment, until ctx is done. The value
	// belongs to the caller: it must stay valid after the query is closed. Errors
	// keep their types (parser.ParseErrors, promql.ErrQueryTimeout and so on)
	// under any wrapping, as they decide the status of the response.
	Query func(ctx context.Context, expr string, at time.Time) (parser.Value, annotations.Annotations, error)
	// Gatherer collects what /metrics shows.
	Gatherer prometheus.Gatherer
	// Logger gets panics and responses that could not be encoded.
	Logger *slog.Logger

	// Registerer receives the handler's own metrics; nil means none.
	Registerer prometheus.Registerer
	// Now is the time that queries without one are evaluated at, and that the
	// page counts from: the engine's timeline. Nil means time.Now.
	Now func() time.Time
}

// Handler serves the API and the page. It has no goroutines of its own.
type Handler struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics
	views   *views
	mux     *http.ServeMux
	// slots holds a token for each query that is being evaluated.
	slots chan struct{}
}

// New checks the options and builds the handler. It fails on missing options only.
func New(opts Options) (*Handler, error) {
	switch {
	case opts.Snapshot == nil, opts.Status == nil, opts.Query == nil:
		return nil, errors.New("web: Snapshot, Status and Query are required")
	case opts.Gatherer == nil:
		return nil, errors.New("web: no gatherer")
	case opts.Logger == nil:
		return nil, errors.New("web: no logger")
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	h := &Handler{
		opts:    opts,
		log:     opts.Logger.With("component", "web"),
		metrics: newMetrics(opts.Registerer),
		views:   newViews(),
		mux:     http.NewServeMux(),
		slots:   make(chan struct{}, maxQueries),
	}
	h.handle("GET /{$}", h.status)
	h.handle("GET /graph", h.graph)
	h.handle("GET /-/healthy", h.healthy)
	h.handle("GET /-/ready", h.ready)
	h.handle("GET /api/v1/alerts", h.alerts)
	h.handle("GET /api/v1/rules", h.rules)
	h.handle("GET /api/v1/query", h.query)
	h.handle("POST /api/v1/query", h.query)
	h.handle("GET /metrics", promhttp.HandlerFor(opts.Gatherer, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(h.log.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxQueries,
		EnableOpenMetrics:   true,
	}).ServeHTTP)
	return h, nil
}

// ServeHTTP answers one request. It may be called from many goroutines.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.guard(w, r, h.mux)
}

// HTTPServer is a server for this handler with time-outs that fit it: reading is
// short, and writing has room for the longest query. The caller gives it a
// listener, runs it and shuts it down.
func (h *Handler) HTTPServer() *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      queryTimeout + 30*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
	}
}

func (h *Handler) handle(pattern string, f http.HandlerFunc) {
	h.mux.HandleFunc(pattern, f)
	h.metrics.route(pattern)
}

// healthy says that the process answers, which the answer itself proves.
func (h *Handler) healthy(w http.ResponseWriter, _ *http.Request) {
	writePlain(w, http.StatusOK, "Tocsin is healthy.\n")
}

// ready says whether StartMetrics has come: in a pause Tocsin is as ready as it
// can be, and its alerts are still there to be read.
func (h *Handler) ready(w http.ResponseWriter, _ *http.Request) {
	switch s := h.opts.Status(); s.State {
	case Running, Paused:
		writePlain(w, http.StatusOK, "Tocsin is ready: "+string(s.State)+".\n")
	default:
		writePlain(w, http.StatusServiceUnavailable, "Tocsin is not ready: "+waitingText+".\n")
	}
}

// Package web shows what Tocsin knows to whoever asks: Prometheus's HTTP API, the
// process's own metrics, two probes, and pages that need no script, and with it
// follow what happens. Two of its routes let others act, and are off unless asked
// for: samples can be written, and rules read again.
//
// Its invariants: it reads immutable snapshots and never waits for a tick; a
// response is complete before its first byte is sent; what comes from rule files,
// targets and queries is text, never markup; web pages of other origins, and
// requests by a name that is not ours, get nothing.
package web

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
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

// Handler serves the API and the page. It has no goroutines of its own.
type Handler struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics
	assets  *assets
	views   *views
	events  *events
	mux     *http.ServeMux
	hosts   *hosts
	// slots holds a token for each query that is being evaluated, writes one for
	// each request that is being written.
	slots, writes chan struct{}
}

// New checks the options and builds the handler. It fails on missing options only.
func New(opts Options) (*Handler, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	opts.fill()
	h := &Handler{
		opts:    opts,
		log:     opts.Logger.With("component", "web"),
		metrics: newMetrics(opts.Registerer),
		assets:  newAssets(),
		events:  newEvents(),
		mux:     http.NewServeMux(),
		hosts:   newHosts(opts.Hostnames, opts.AllowedHosts),
		slots:   make(chan struct{}, maxQueries),
		writes:  make(chan struct{}, maxWrites),
	}
	h.views = newViews(h.assets)
	for _, r := range h.routes() {
		for _, method := range r.methods {
			h.mux.HandleFunc(method+" "+r.path, r.handle)
		}
		h.metrics.start(r.path)
	}
	return h, nil
}

// route is one path and what answers it.
type route struct {
	methods []string
	path    string
	handle  http.HandlerFunc
}

// routes lists all there are. A mux that has GET has HEAD too.
func (h *Handler) routes() []route {
	get := []string{http.MethodGet}
	post := []string{http.MethodPost}
	either := []string{http.MethodGet, http.MethodPost}
	return []route{
		{get, "/{$}", h.alertsHome},
		{get, "/rules", h.rulesPage},
		{get, "/rule", h.rulePage},
		{get, "/graph", h.graph},
		{get, "/history", h.historyPage},
		{get, "/targets", h.targetsPage},
		{get, "/deliveries", h.deliveriesPage},
		{get, "/status", h.statusPage},
		{get, "/runbooks/{name}", h.runbook},
		{get, "/events", h.serveEvents},
		{get, "/assets/{version}/{name...}", h.assets.serve},
		{get, "/-/healthy", h.healthy},
		{get, "/-/ready", h.ready},
		{[]string{http.MethodPost, http.MethodPut}, "/-/reload", h.reload},
		{get, "/metrics", promhttp.HandlerFor(h.opts.Gatherer, promhttp.HandlerOpts{
			ErrorLog:            slog.NewLogLogger(h.log.Handler(), slog.LevelWarn),
			ErrorHandling:       promhttp.ContinueOnError,
			MaxRequestsInFlight: maxQueries,
			EnableOpenMetrics:   true,
		}).ServeHTTP},
		{either, "/api/v1/query", h.query},
		{either, "/api/v1/query_range", h.queryRange},
		{either, "/api/v1/query_exemplars", h.queryExemplars},
		{either, "/api/v1/format_query", h.formatQuery},
		{either, "/api/v1/parse_query", h.parseQuery},
		{either, "/api/v1/series", h.series},
		{either, "/api/v1/labels", h.labelNames},
		{get, "/api/v1/label/{name}/values", h.labelValues},
		{get, "/api/v1/metadata", h.metadata},
		{get, "/api/v1/targets", h.targets},
		{get, "/api/v1/targets/metadata", h.targetMetadata},
		{get, "/api/v1/rules", h.rules},
		{get, "/api/v1/alerts", h.alerts},
		{get, "/api/v1/alertmanagers", h.alertmanagers},
		{get, "/api/v1/explain", h.explainRule},
		{get, "/api/v1/tocsin/status", h.tocsinStatus},
		{get, "/api/v1/tocsin/alerts", h.tocsinAlerts},
		{get, "/api/v1/status/buildinfo", h.buildInfo},
		{get, "/api/v1/status/runtimeinfo", h.runtimeInfo},
		{get, "/api/v1/status/config", h.config},
		{get, "/api/v1/status/flags", h.flags},
		{get, "/api/v1/status/tsdb", h.tsdbStatus},
		{post, "/api/v1/write", h.writer()},
	}
}

// ServeHTTP answers one request. It may be called from many goroutines.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.guard(w, r, h.mux)
}

// HTTPServer is a server for this handler with time-outs that fit it: reading is
// short, and writing has room for the longest query. The caller gives it a
// listener, runs it and shuts it down.
func (h *Handler) HTTPServer() *http.Server {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      queryTimeout + 30*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
	}
	srv.RegisterOnShutdown(h.events.end) // they would keep it up
	return srv
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

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin/tocsin/scrape"
	"github.com/tocsin/tocsin/web"
)

const (
	// lookEvery is how often the socket is looked at while the engine does not call.
	lookEvery = 5 * time.Second
	// answerGrace is for the answer to StartMetrics to go out before the end begins.
	answerGrace = 50 * time.Millisecond
)

// errRenewal is the cause of an end that is a beginning.
var errRenewal = errors.New("ended to be started again with a fresh metrics socket")

// renewal ends the plugin's process when its metrics socket is that of a Docker
// engine that is gone and another engine is there: that one starts it again at once,
// with its own socket. Only the engine can do that; a mount cannot be made anew from
// inside.
type renewal struct {
	socket  metricsSocket
	running func() bool // the engine has called StartMetrics, and no StopMetrics since
	leave   context.CancelCauseFunc
	started time.Time
	log     *slog.Logger

	scraped atomic.Bool // this process has scraped
	leaving atomic.Bool

	mu    sync.Mutex
	exits *exits    // guarded by mu
	stale bool      // guarded by mu: known to be, until a scrape succeeds
	since time.Time // guarded by mu: when the socket was first seen replaced
	held  string    // guarded by mu: why the process is still here all the same

	metrics renewalMetrics
}

type renewalMetrics struct {
	exits prometheus.CounterFunc
	held  prometheus.Gauge
}

// newRenewal watches the target's socket. It is inert, as nil is, standalone and
// where the target is no socket: nobody would start the process again, or give it
// another socket.
func newRenewal(s settings, target scrape.Target, running func() bool, leave context.CancelCauseFunc, log *slog.Logger, reg prometheus.Registerer) *renewal {
	if s.pluginSocket == "" || target.URL.Scheme != "unix" {
		return nil
	}
	r := &renewal{
		socket: newMetricsSocket(target.URL.Path), running: running, leave: leave, started: time.Now(),
		log: log.With("component", "renewal"), exits: loadExits(s.dataPath),
	}
	total := float64(r.exits.record.Total)
	r.metrics = renewalMetrics{
		exits: prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "tocsin_stale_socket_exits_total",
			Help: "Processes that have ended to be started again with a fresh metrics socket, before this one.",
		}, func() float64 { return total }),
		held: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tocsin_stale_socket_held",
			Help: "1 while the metrics socket is that of a Docker engine that is gone, and this process waits before it ends for a fresh one.",
		}),
	}
	reg.MustRegister(r.metrics.exits, r.metrics.held)
	return r
}

// called is for StartMetrics. It tells whether the process is about to end, which
// waits for the answer.
func (r *renewal) called() bool {
	if r == nil {
		return false
	}
	return r.decide(r.socket.look(), true)
}

// hear is told of every scrape; it does not block.
func (r *renewal) hear(up bool) {
	if r != nil && up {
		r.scraped.Store(true)
	}
}

// run looks at the socket until ctx is done.
func (r *renewal) run(ctx context.Context) error {
	for r != nil && wait(ctx, lookEvery) {
		if r.running() {
			r.decide(r.socket.look(), false)
		} else {
			r.forget()
		}
	}
	return nil
}

// forget: in a pause no engine is there, and a new one will call.
func (r *renewal) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.since = time.Time{}
}

// decide acts on what was seen.
func (r *renewal) decide(seen sighting, called bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.scraped.Load() {
		r.exits.succeeded()
	}
	switch {
	case seen == answering:
		r.stale, r.since = false, time.Time{}
		r.hold("")
		return false
	case seen == replaced && r.since.IsZero():
		r.since = now
	}
	var lasting time.Duration
	if !r.since.IsZero() {
		lasting = now.Sub(r.since)
	}
	if r.stale = r.stale || stale(seen, called, lasting); !r.stale {
		return false
	}
	return r.end(now)
}

// end begins the end unless there were too many. Called with mu held.
func (r *renewal) end(now time.Time) bool {
	if r.leaving.Load() {
		return true
	}
	age := now.Sub(r.started)
	left := r.exits.wait(now, age)
	if left == 0 {
		// Where the file cannot be written, a process that is old enough ends all the
		// same: its age is the bound then.
		if err := r.exits.add(now); err != nil {
			left = r.exits.wait(now, age)
		}
	}
	if left > 0 {
		why := fmt.Sprintf("it has done so %d times in vain", r.exits.record.Vain)
		if r.exits.unknown != nil {
			why = "it cannot tell how often it did: " + r.exits.unknown.Error()
		}
		r.hold(fmt.Sprintf("the metrics socket is that of a Docker engine that is gone; Tocsin ends, to be started again with a fresh one, "+
			"no earlier than %s, as %s", now.Add(left).UTC().Format(time.RFC3339), why))
		return false
	}
	r.leaving.Store(true)
	r.log.Info("the metrics socket is that of a Docker engine that is gone, ending to be started again with a fresh one")
	time.AfterFunc(max(answerGrace, youngestExit-age), func() { r.leave(errRenewal) })
	return true
}

// hold reports why nothing is done. Called with mu held.
func (r *renewal) hold(why string) {
	if (why == "") != (r.held == "") {
		if why != "" {
			r.log.Error("not ended for a fresh metrics socket", "reason", why)
			r.metrics.held.Set(1)
		} else {
			r.metrics.held.Set(0)
		}
	}
	r.held = why
}

// isLeaving tells whether the process ends to come back at once.
func (r *renewal) isLeaving() bool { return r != nil && r.leaving.Load() }

// problem is what the user should know of it.
func (r *renewal) problem() []web.Problem {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == "" {
		return nil
	}
	return []web.Problem{{Kind: "metrics socket", Text: r.held, Hint: "docker plugin disable and enable mend it at once"}}
}

package main

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/tocsin/tocsin/scrape"
)

// renewed is one process with a metrics socket, in the bubble of a test.
type renewed struct {
	*renewal
	ctx     context.Context
	paused  atomic.Bool
	reg     *prometheus.Registry
	running context.CancelFunc
}

// newProcess is a process on a data directory whose socket is at path.
func newProcess(t *testing.T, data, path string) *renewed {
	t.Helper()
	ctx, leave := context.WithCancelCause(t.Context())
	p := &renewed{ctx: ctx, reg: prometheus.NewRegistry()}
	s := settings{pluginSocket: "/run/docker/plugins/tocsin.sock", dataPath: data}
	target := scrape.Target{URL: &url.URL{Scheme: "unix", Path: path}, Job: engineJob}
	log, closeLog := newLogger("error", t.Output(), t.Output(), p.reg)
	t.Cleanup(closeLog)
	p.renewal = newRenewal(s, target, func() bool { return !p.paused.Load() }, leave, log, p.reg)
	p.socket.mounted = true
	var run context.Context
	run, p.running = context.WithCancel(t.Context())
	go p.run(run)
	return p
}

// ended tells whether the process ends within a time, and stops it.
func (p *renewed) ended(within time.Duration) bool {
	select {
	case <-p.ctx.Done():
		p.running()
		return true
	case <-time.After(within):
		return false
	}
}

func (p *renewed) metric(t *testing.T, name string) float64 {
	t.Helper()
	families, err := p.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return value(f.GetMetric()[0])
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func value(m *dto.Metric) float64 { return m.GetGauge().GetValue() + m.GetCounter().GetValue() }

// deadSocket is one that refuses.
func deadSocket(t *testing.T) string {
	t.Helper()
	path := filepath.Join(socketDir(t), "m.sock")
	listenAt(t, path).Close()
	return path
}

func TestStartMetricsOverDeadSocketEndsTheProcess(t *testing.T) {
	data, dead := t.TempDir(), deadSocket(t)
	synctest.Test(t, func(t *testing.T) {
		p := newProcess(t, data, dead)
		time.Sleep(time.Hour) // it has scraped for long
		p.hear(true)
		if !p.called() || !p.isLeaving() {
			t.Fatal("StartMetrics over a dead socket starts")
		}
		if p.ctx.Err() != nil {
			t.Error("it ends before the answer is out")
		}
		if !p.ended(100*time.Millisecond) || context.Cause(p.ctx) != errRenewal {
			t.Errorf("it does not end soon, cause %v", context.Cause(p.ctx))
		}
		if !p.called() {
			t.Error("a call that is repeated at the end starts")
		}
		next := newProcess(t, data, dead)
		if got := next.metric(t, "tocsin_stale_socket_exits_total"); got != 1 {
			t.Errorf("%v exits counted, want 1", got)
		}
		// Its own first scrape succeeds, and the engine is started again at once: a
		// user who restarts it twice does not wait.
		next.hear(true)
		if !next.called() || next.ended(900*time.Millisecond) || !next.ended(time.Second) {
			t.Error("after a scrape the next process does not end when it is a second old")
		}
	})
}

func TestStartMetricsOverLivingSocketStarts(t *testing.T) {
	data, path := t.TempDir(), filepath.Join(socketDir(t), "m.sock")
	l := listenAt(t, path)
	synctest.Test(t, func(t *testing.T) {
		p := newProcess(t, data, path)
		if p.called() || p.called() || p.ended(time.Hour) {
			t.Error("it ends")
		}
		l.Close()
		// The engine is killed and stays down: that is to be told, and nobody would
		// start this process again.
		if p.ended(24 * time.Hour) {
			t.Error("it ends while the engine is down")
		}
		p.running()
	})
}

// TestReplacedSocketEndsTheProcess: another engine is there and has not called.
func TestReplacedSocketEndsTheProcess(t *testing.T) {
	data := t.TempDir()
	gone := filepath.Join(socketDir(t), "m.sock")
	synctest.Test(t, func(t *testing.T) {
		p := newProcess(t, data, gone)
		p.paused.Store(true) // the engine has ended in order, and may be away for long
		if p.ended(24 * time.Hour) {
			t.Fatal("it ends in a pause")
		}
		p.paused.Store(false)
		if p.ended(replacedPatience) {
			t.Error("it does not wait for StartMetrics")
		}
		if !p.ended(2 * lookEvery) {
			t.Error("it does not end")
		}
	})
}

// TestVainExitsAreHeldBack: an engine that calls and never mounts a socket that
// answers, for a day. It starts a process 0.1 s after the last and calls it then.
func TestVainExitsAreHeldBack(t *testing.T) {
	data, dead := t.TempDir(), deadSocket(t)
	synctest.Test(t, func(t *testing.T) {
		end := time.Now().Add(24 * time.Hour)
		var ends []time.Time
		for time.Now().Before(end) {
			p := newProcess(t, data, dead)
			time.Sleep(time.Second / 2)
			leaving := p.called()
			problems := p.problem()
			if held := p.metric(t, "tocsin_stale_socket_held"); leaving != (held == 0) || leaving != (len(problems) == 0) {
				t.Fatalf("leaving %t, metric %v, problems %v", leaving, held, problems)
			}
			if len(ends) == 3 && (leaving || !strings.Contains(problems[0].Text, "3 times")) {
				t.Errorf("leaving %t, problem %v: want the number of exits in it", leaving, problems)
			}
			if !p.ended(2 * longestExitWait) {
				t.Fatal("it never ends")
			}
			ends = append(ends, time.Now())
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(ends); n < 24 || n > 32 {
			t.Errorf("%d exits in a day, want about 30", n)
		}
		for i := 1; i < len(ends); i++ {
			if gap := ends[i].Sub(ends[i-1]); gap < firstExitWait {
				t.Errorf("exit %d comes %s after the last", i+1, gap)
			}
		}
	})
}

// TestHoldEnds: what is held back is forgotten when the socket answers.
func TestHoldEnds(t *testing.T) {
	data, path := t.TempDir(), filepath.Join(socketDir(t), "m.sock")
	synctest.Test(t, func(t *testing.T) {
		first := newProcess(t, data, path)
		if !first.called() || !first.ended(time.Minute) {
			t.Fatal("it does not end")
		}
		p := newProcess(t, data, path)
		if p.called() || len(p.problem()) != 1 {
			t.Fatalf("it is not held back: %v", p.problem())
		}
		listenAt(t, path)
		if p.ended(time.Hour) || len(p.problem()) != 0 || p.metric(t, "tocsin_stale_socket_held") != 0 {
			t.Errorf("problems %v once the socket answers", p.problem())
		}
		p.running()
	})
}

func TestRenewalIsForPluginsWithASocket(t *testing.T) {
	socket, page := &url.URL{Scheme: "unix", Path: "/run/docker/metrics.sock"}, &url.URL{Scheme: "http", Host: "h:9323"}
	for _, tc := range []struct {
		plugin string
		url    *url.URL
	}{{"", socket}, {"", page}, {"/run/docker/plugins/tocsin.sock", page}} {
		r := newRenewal(settings{pluginSocket: tc.plugin}, scrape.Target{URL: tc.url}, nil, nil, nil, nil)
		r.hear(true)
		if r.called() || r.isLeaving() || len(r.problem()) > 0 {
			t.Errorf("plugin %q, target %s: %v", tc.plugin, tc.url, r)
		}
		if err := r.run(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

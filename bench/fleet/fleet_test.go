package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	fleets = flag.String("fleets", "100x1", "fleets to simulate: hosts x Alertmanagers")
	away   = flag.Duration("away", simulated.outage, "how long the Alertmanagers are away")
	table  = flag.String("table", "", "the document whose table is written; - prints the table")
)

// TestFleet: over an hour in which no Alertmanager is there, and its end, nothing is
// lost and nothing is told twice; and no moment after the return is much worse than
// the others.
func TestFleet(t *testing.T) {
	forms, err := parseForms(*fleets)
	if err != nil {
		t.Fatal(err)
	}
	p := simulated
	p.outage = *away
	var results []*result
	for _, f := range forms {
		t.Run(fmt.Sprintf("%dx%d", f.hosts, f.alertmanagers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				res, err := simulate(t.Context(), f, p, newImitations(f.alertmanagers), slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				results = append(results, res)
				judge(t, res)
			})
		})
	}
	if *table != "" {
		if err := write(*table, "simulated", requestsTable(results)+"\n"+timesTable(results)); err != nil {
			t.Fatal(err)
		}
	}
}

// judge holds a fleet to what is promised.
func judge(t *testing.T, r *result) {
	t.Helper()
	links := r.hosts * r.alertmanagers
	if want := (faults{late: links}); r.faults != want {
		t.Errorf("%+v, want %+v", r.faults, want)
	}
	// A few hosts are unevenly spread by chance alone: the peak is that of ten seconds.
	if got := r.afterOutage(); got.mean == 0 || got.ten >= 3*got.mean {
		t.Errorf("after the outage %.1f requests per second at most, %.1f on average", got.ten, got.mean)
	}
	if steady := r.tallies[steadyPhase].rates(r.plan.steady); steady.mean == 0 || steady.ten >= 3*steady.mean {
		t.Errorf("without events %.1f requests per second at most, %.1f on average", steady.ten, steady.mean)
	}
	if r.tallies[outagePhase].rates(r.plan.outage).mean > 0 {
		t.Error("requests were answered in the outage")
	}
}

// imitations are Alertmanagers in the process: they answer, and know nothing.
type imitations struct {
	n     int
	since atomic.Pointer[time.Time] // when they were started; nil while they are away
}

func newImitations(n int) *imitations {
	im := &imitations{n: n}
	_ = im.comeBack(nil)
	return im
}

func (im *imitations) urls() []string {
	var us []string
	for i := range im.n {
		us = append(us, fmt.Sprintf("http://am%d.example:9093", i))
	}
	return us
}

func (im *imitations) leave() error { im.since.Store(nil); return nil }

func (im *imitations) comeBack(context.Context) error {
	now := time.Now()
	im.since.Store(&now)
	return nil
}

func (*imitations) usage() ([]usage, error) { return nil, nil }

func (im *imitations) transport(r *record) http.RoundTripper {
	return &imitated{imitations: im, record: r, used: map[string]time.Time{}}
}

// imitated is the way of one host to them, with connections that are kept as Tocsin
// keeps them.
type imitated struct {
	*imitations
	record *record
	mu     sync.Mutex
	used   map[string]time.Time // when the connection to each was last used; guarded by mu
}

// RoundTrip implements http.RoundTripper.
func (im *imitated) RoundTrip(req *http.Request) (*http.Response, error) {
	const roundTrip, idle = 20 * time.Millisecond, 90 * time.Second
	time.Sleep(roundTrip)
	since, now := im.since.Load(), time.Now()
	if since == nil {
		return nil, errors.New("connection refused")
	}
	im.mu.Lock()
	last := im.used[req.URL.Host]
	im.used[req.URL.Host] = now
	im.mu.Unlock()
	reused := last.After(*since) && now.Sub(last) < idle
	if !reused {
		im.record.dialled()
	}
	if trace := httptrace.ContextClientTrace(req.Context()); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{Reused: reused})
	}
	header := http.Header{"Content-Type": {"application/json"}, "Date": {now.UTC().Format(http.TimeFormat)}}
	body := fmt.Sprintf(`{"uptime":%q}`, since.Format(time.RFC3339Nano))
	return &http.Response{StatusCode: http.StatusOK, Header: header, Request: req, Body: io.NopCloser(strings.NewReader(body))}, nil
}

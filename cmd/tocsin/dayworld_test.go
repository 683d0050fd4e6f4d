package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// services is how many there are at a time; each hour one goes and another comes.
const services = 20

// expose implements http.HandlerFunc: 25 series for each service, which follow waves
// of their own.
func (d *day) expose(w http.ResponseWriter, _ *http.Request) {
	d.count(&d.scrapes)
	d.look()
	passed := time.Since(d.begun)
	gone := int(passed.Hours())
	for i := gone; i < gone+services; i++ {
		name := fmt.Sprintf("service=\"s%d\",slot=\"%d\"", i, i%services)
		wave := math.Sin(passed.Minutes()/float64(20+i) + float64(i))
		for code := range 8 {
			fmt.Fprintf(w, "requests_total{%s,code=\"%d\"} %.0f\n", name, 200+50*code, passed.Seconds()*float64(10+code)+100*wave)
		}
		for le := range 12 {
			fmt.Fprintf(w, "seconds_bucket{%s,le=\"%d\"} %.0f\n", name, 1<<le, passed.Seconds()*float64(le+1))
		}
		fmt.Fprintf(w, "seconds_bucket{%s,le=\"+Inf\"} %.0f\n", name, passed.Seconds()*12)
		fmt.Fprintf(w, "memory_bytes{%s} %.0f\nqueue{%s} %.0f\n", name, 1e8*(1+wave/2), name, 100*(1+wave))
		fmt.Fprintf(w, "start_time_seconds{%s} %d\ninfo{%s,version=\"1.%d\"} 1\n", name, 1_000_000+i, name, i)
	}
}

func (d *day) count(n *int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*n++
}

// RoundTrip implements http.RoundTripper: an Alertmanager that takes all.
func (d *day) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPost {
		d.count(&d.posts)
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if req.Method == http.MethodGet {
		fmt.Fprintf(w, `{"uptime": %q}`, d.begun.Format(time.RFC3339))
	}
	return w.Result(), nil
}

// dayRules are 100 rules of the ordinary kinds, each for what runs in one slot.
func dayRules() string {
	shapes := []string{
		`rate(requests_total{SEL,code="200"}[5m]) > 13`,
		`sum by (service) (rate(requests_total{SEL,code="550"}[5m])) / sum by (service) (rate(requests_total{SEL}[5m])) > 0.14`,
		`histogram_quantile(0.99, sum by (le, service) (rate(seconds_bucket{SEL}[10m]))) > 3000`,
		`avg_over_time(queue{SEL}[1h]) > 120`,
		`queue{SEL} > 180 and on (service) memory_bytes > 1.4e8`,
	}
	var b strings.Builder
	for g, shape := range shapes {
		fmt.Fprintf(&b, "%s  - name: g%d\n    rules:\n", map[bool]string{true: "groups:\n"}[g == 0], g)
		for i := range services {
			expr := strings.ReplaceAll(shape, "SEL", fmt.Sprintf("slot=\"%d\"", i))
			fmt.Fprintf(&b, "      - {alert: A%d_%d, expr: '%s', for: %ds, annotations: {summary: '{{ $labels.service }} is at {{ $value }}'}}\n", g, i, expr, 60*(i%4))
		}
	}
	return b.String()
}

// pipes is a network of one server.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

// serveOverPipes serves until the test ends, without the network, whose connections
// no bubble can wait for.
func serveOverPipes(t *testing.T, h http.Handler) (dial func(ctx context.Context, network, addr string) (net.Conn, error)) {
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	srv := &http.Server{Handler: h}
	go func() {
		if err := srv.Serve(p); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		client, server := net.Pipe()
		select {
		case p.conns <- server:
			return client, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error {
	close(p.done)
	return nil
}

// Addr implements net.Listener.
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

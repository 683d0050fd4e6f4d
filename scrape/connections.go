package scrape

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/prometheus/common/config"
)

// dialTimeout is for the connection alone; the scrape has its own.
const dialTimeout = 5 * time.Second

// connections keeps the scraper's open connections, to close them at stop: the
// manager waits for a scrape under way until its time-out, which for a target
// that hangs is longer than the Docker engine waits for us.
type connections struct {
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	ctx    context.Context // done once closed: ends dials in progress
	cancel context.CancelFunc

	mu     sync.Mutex
	open   map[net.Conn]struct{} // guarded by mu
	closed bool                  // guarded by mu
}

func newConnections(dial func(ctx context.Context, network, addr string) (net.Conn, error)) *connections {
	ctx, cancel := context.WithCancel(context.Background())
	return &connections{dial: dial, ctx: ctx, cancel: cancel}
}

// clientOptions make the manager dial through c. For a socket it replaces the
// dialer that the manager makes from __unix_socket__, with the same path.
func (c *connections) clientOptions(t Target) []config.HTTPClientOption {
	return []config.HTTPClientOption{config.WithDialContextFunc(
		func(ctx context.Context, network, addr string) (net.Conn, error) {
			if t.URL.Scheme == "unix" {
				network, addr = "unix", t.URL.Path
			}
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(c.ctx, cancel)()
			conn, err := c.dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return c.add(conn)
		},
	)}
}

var errStopped = errors.New("scraping has stopped")

func (c *connections) add(conn net.Conn) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errors.Join(errStopped, conn.Close())
	}
	if c.open == nil {
		c.open = map[net.Conn]struct{}{}
	}
	tracked := &trackedConn{Conn: conn, from: c}
	c.open[tracked] = struct{}{}
	return tracked, nil
}

func (c *connections) closeAll() {
	c.cancel()
	c.mu.Lock()
	c.closed = true
	open := c.open
	c.open = nil
	c.mu.Unlock()
	for conn := range open {
		_ = conn.Close() // the scrape that used it reports
	}
}

type trackedConn struct {
	net.Conn
	from *connections
}

func (t *trackedConn) Close() error {
	t.from.mu.Lock()
	delete(t.from.open, t)
	t.from.mu.Unlock()
	return t.Conn.Close()
}

package scrape

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/prometheus/common/config"
)

// dialTimeout is for the connection alone; the scrape has its own.
const dialTimeout = 5 * time.Second

// connections keeps a manager's open connections, to close them at stop: the
// manager waits for a scrape under way until its time-out, which for a target
// that hangs is longer than the Docker engine waits for us.
type connections struct {
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// socket gives the path of the socket that a host stands for: the manager tells a
	// dialer of ours no more than the host. It is empty for one that has none any more,
	// and ok is false for a host of the network.
	socket func(host string) (path string, ok bool)
	ctx    context.Context // done once closed: ends dials in progress
	cancel context.CancelFunc

	mu     sync.Mutex
	open   map[net.Conn]struct{} // guarded by mu
	closed bool                  // guarded by mu
}

func newConnections(dial func(ctx context.Context, network, addr string) (net.Conn, error), socket func(host string) (string, bool)) *connections {
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &connections{dial: dial, socket: socket, ctx: ctx, cancel: cancel}
}

// clientOptions make the manager dial through c, also where it would dial a socket
// itself.
func (c *connections) clientOptions() []config.HTTPClientOption {
	return []config.HTTPClientOption{config.WithDialContextFunc(c.connect)}
}

func (c *connections) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if path, ok := c.socket(host); ok {
		if path == "" {
			return nil, errGone
		}
		network, addr = "unix", path
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	conn, err := c.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return c.add(conn)
}

var (
	errStopped = errors.New("scraping has stopped")
	errGone    = errors.New("the socket is no target any more")
)

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

// closeAll may be called again.
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

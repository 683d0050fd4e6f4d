package test

import (
	"fmt"
	"net"
	"testing"
	"time"
)

const pollEvery = 50 * time.Millisecond

// poll calls check until it returns nil or the time is over, and returns its
// last error.
func poll(within time.Duration, check func() error) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	deadline := time.After(within)
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("not within %s: %w", within, err)
		}
	}
}

// eventually waits until check returns nil, and fails the test if it never does.
func eventually(t *testing.T, within time.Duration, what string, check func() error) {
	t.Helper()
	if err := poll(within, check); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// stays polls check for the given time, and fails the test if it ever fails:
// what must not happen can only be watched.
func stays(t *testing.T, during time.Duration, what string, check func() error) {
	t.Helper()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	deadline := time.After(during)
	for {
		if err := check(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		select {
		case <-tick.C:
		case <-deadline:
			return
		}
	}
}

// freeAddress is a loopback address that nothing listens on yet.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

package process

import (
	"fmt"
	"testing"
	"time"
)

const pollEvery = 50 * time.Millisecond

// Poll calls check until it returns nil or the time is over, and returns its
// last error.
func Poll(within time.Duration, check func() error) error {
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

// Eventually waits until check returns nil, and fails the test if it never does.
func Eventually(t *testing.T, within time.Duration, what string, check func() error) {
	t.Helper()
	if err := Poll(within, check); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// Stays polls check for the given time, and fails the test if it ever fails:
// what must not happen can only be watched.
func Stays(t *testing.T, during time.Duration, what string, check func() error) {
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

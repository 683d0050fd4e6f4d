package storage

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb"
)

// handle is one open TSDB and a count of those who use it. A count and not a
// read lock: a user that asks for a second hold while the store waits to close
// must be refused, not made to wait for itself.
type handle struct {
	db  *tsdb.DB
	dir string
	// memory: dir is on tmpfs, without a write-ahead log.
	memory bool
	// generation tells the references of this TSDB from those of the one before:
	// the scraper keeps them, and the same number is another series here.
	generation     uint64
	blockRange     int64 // milliseconds
	registry       *prometheus.Registry
	compactor      *compactor
	stopCompaction context.CancelFunc
	stopMerges     context.CancelFunc // and nothing else
	users          sync.WaitGroup
	// replaced: another TSDB is open instead, and what is committed here is lost.
	replaced atomic.Bool
}

// References of series fit into 40 bits, those of the TSDB's head: the generation
// is above them.
const (
	generationShift = 48
	referenceMask   = 1<<generationShift - 1
)

// acquire holds the TSDB open until release is called.
func (s *Store) acquire() (h *handle, release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		return nil, nil, ErrNotReady
	}
	h = s.open
	h.users.Add(1)
	return h, sync.OnceFunc(h.users.Done), nil
}

// detach makes the store refuse new users and waits until the last has gone.
// It returns nil if the store was not open.
func (s *Store) detach() *handle {
	h := s.publish(nil)
	if h == nil {
		return nil
	}
	h.users.Wait()
	return h
}

// publish makes h the TSDB that is open, and returns the one before, whose users
// may not have gone yet.
func (s *Store) publish(h *handle) (before *handle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.open = s.open, h
	if before != nil && h != nil {
		before.replaced.Store(true)
	}
	if h != nil {
		s.registry.Store(h.registry)
	}
	return before
}

func (s *Store) isOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open != nil
}

// turnstileWait bounds how long an appender waits to begin, and how long a swap
// waits for appenders to end: none of the two may hang on a user who forgot one.
const turnstileWait = 2 * time.Second

// turnstile holds appenders back while the TSDB beneath them is exchanged, so
// that no scrape falls between the two.
type turnstile struct {
	mu     sync.Mutex
	inside int           // guarded by mu
	shut   chan struct{} // guarded by mu; non-nil while shut, closed at its end
	empty  chan struct{} // guarded by mu; non-nil while shut is waited for
}

// enter waits while the turnstile is shut, and tells whether the caller is in.
func (t *turnstile) enter() bool {
	limit := (<-chan time.Time)(nil)
	for {
		t.mu.Lock()
		if t.shut == nil {
			t.inside++
			t.mu.Unlock()
			return true
		}
		shut := t.shut
		t.mu.Unlock()
		if limit == nil {
			limit = time.After(turnstileWait)
		}
		select {
		case <-shut:
		case <-limit:
			return false
		}
	}
}

func (t *turnstile) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inside--
	if t.inside == 0 && t.empty != nil {
		close(t.empty)
		t.empty = nil
	}
}

// close keeps new users out until open is called, and waits for those inside. It
// returns false if they did not leave in time.
func (t *turnstile) close() bool {
	t.mu.Lock()
	t.shut = make(chan struct{})
	empty := make(chan struct{})
	if t.inside == 0 {
		close(empty)
	} else {
		t.empty = empty
	}
	t.mu.Unlock()
	select {
	case <-empty:
		return true
	case <-time.After(turnstileWait):
		return false
	}
}

func (t *turnstile) open() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.shut)
	t.shut, t.empty = nil, nil
}

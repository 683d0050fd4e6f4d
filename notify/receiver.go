package notify

import (
	"slices"
	"time"

	"github.com/tocsin/tocsin/alert"
)

// seat is why a receiver is there. Guarded by Notifier.mu.
type seat struct {
	origin string // OriginSetting, or the name of the discovery; empty if nobody knows
	place  int    // of its section in the file, from 0; -1 for a setting
	finder *finder
	// remembered: the process before knew it, and discovery has not shown it yet.
	remembered bool
	lost       time.Time // since when discovery does not show it; zero if it does
	came       time.Time // since when it is told; zero if the process before knew it
	access     access    // zero while remembered
	dress      *dress
}

// newReceiver makes a receiver that is nowhere yet.
func (n *Notifier) newReceiver(name string) *sender {
	opts := &n.opts
	log := n.log.With("alertmanager", name)
	m := n.metrics.forAlertmanager(name)
	s := &sender{
		name:       name,
		seat:       seat{place: nowhere, came: time.Now()},
		outbox:     newOutbox(opts.Capacity, opts.LateHold, m.queueLength, func(rs []alert.Receipt) { opts.Delivered(name, rs) }),
		changed:    make(chan struct{}, 1),
		ahead:      opts.Ahead,
		batchSize:  opts.BatchSize,
		maxBackoff: opts.MaxBackoff,
		jitter:     opts.jitter,
		clusters:   n.clusters,
		repeat:     n.repeat,
		metrics:    m,
		log:        log,
		current:    Status{URL: name},
		quiet:      quietLog{log: log},
		clock:      clock{trustedAfter: opts.TrustedAfter},
		suspects:   make(map[uint64]string),
	}
	s.clusters.enter(s)
	s.publish()
	return s
}

// firstCame is when the first of some receivers came.
func firstCame(ss []*sender) time.Time {
	return slices.MinFunc(ss, func(a, b *sender) int { return a.came.Compare(b.came) }).came
}

// connect has the loop use another client from its next request on.
func (s *sender) connect(c *client) {
	s.next.Store(c)
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// adopt takes over a client that is new. Who is at its other end is to be asked.
func (s *sender) adopt() {
	select {
	case <-s.changed:
	default:
	}
	c := s.next.Swap(nil)
	if c == nil {
		return
	}
	if s.client != nil {
		s.client.closeIdle()
		s.contact.doubt = true
	}
	s.client = c
}

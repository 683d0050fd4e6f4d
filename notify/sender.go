package notify

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/tocsin/tocsin/alert"
)

// maxSuspects bounds how many refused alerts a sender remembers.
const maxSuspects = 1024

// sender is the send loop of one Alertmanager and its outbox.
type sender struct {
	name   string // the endpoint's
	outbox *outbox
	seat
	cancel     func()                 // guarded by Notifier.mu: ends run at once; nil before
	next       atomic.Pointer[client] // takes the place of client; nil if nothing has changed
	changed    chan struct{}          // holds a value while there may be a next
	ahead      func() time.Duration
	batchSize  int
	maxBackoff time.Duration
	jitter     func() float64
	metrics    *senderMetrics
	log        *slog.Logger
	repeat     func(*sender, time.Time) // lines up all that fires
	overflow   atomic.Uint64            // alerts dropped for want of room; written by Send
	overflowed atomic.Int64             // when that was last logged, unix nanoseconds

	status atomic.Pointer[Status] // written by run, Pending left out

	// owned by run
	client  *client
	current Status
	quiet   quietLog
	contact contact
	clock   clock
	// suspects are alerts that the Alertmanager has refused, with the last
	// reason. They travel alone, so that each further refusal costs one request
	// and harms no other alert.
	suspects map[uint64]string
}

// newReceiver makes a receiver that is nowhere yet.
func (n *Notifier) newReceiver(name string) *sender {
	opts := &n.opts
	log := n.log.With("alertmanager", name)
	m := n.metrics.forAlertmanager(name)
	s := &sender{
		name:       name,
		seat:       seat{place: nowhere},
		outbox:     newOutbox(opts.Capacity, opts.LateHold, m.queueLength, func(rs []alert.Receipt) { opts.Delivered(name, rs) }),
		changed:    make(chan struct{}, 1),
		ahead:      opts.Ahead,
		batchSize:  opts.BatchSize,
		maxBackoff: opts.MaxBackoff,
		jitter:     opts.jitter,
		repeat:     n.repeat,
		metrics:    m,
		log:        log,
		current:    Status{URL: name},
		quiet:      quietLog{log: log},
		clock:      clock{trustedAfter: opts.TrustedAfter},
		suspects:   make(map[uint64]string),
	}
	s.publish()
	return s
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

// enqueue hands messages over to the loop. Any goroutine may call it.
func (s *sender) enqueue(ms []*message, now time.Time) {
	s.overflowing(s.outbox.put(ms, now), now)
}

// overflowing counts and reports alerts that were dropped for want of room.
func (s *sender) overflowing(dropped int, now time.Time) {
	if dropped == 0 {
		return
	}
	s.metrics.overflow.Add(float64(dropped))
	total := s.overflow.Add(uint64(dropped))
	last := s.overflowed.Load()
	// Less than nothing has passed if the clock was set back.
	ago := now.Sub(time.Unix(0, last))
	if (ago < 0 || ago >= repeatEvery) && s.overflowed.CompareAndSwap(last, now.UnixNano()) {
		s.log.Error("alerts dropped, outbox is full", "dropped", dropped, "dropped_total", total, "capacity", s.outbox.capacity)
	}
}

// run sends until ctx ends, then what is left until an attempt fails. No
// request outlives sendCtx.
func (s *sender) run(ctx, sendCtx context.Context) {
	s.adopt()
	defer func() { s.client.closeIdle() }()
	for s.wait(ctx) {
		s.adopt()
		s.check(ctx)
		s.attempt(sendCtx)
		if s.client.courier.connected.Swap(false) {
			s.contact.doubt = true // who took the alerts in?
			s.check(ctx)
		}
		s.sweep()
	}
	// A back-off is cut short here: there is no later time to try.
	for sendCtx.Err() == nil && s.outbox.len() > 0 {
		if !s.attempt(sendCtx) {
			break
		}
	}
	if left := s.outbox.len(); left > 0 {
		s.log.Warn("stopped with undelivered alerts", "pending", left)
	}
}

// wait blocks until there is something to send and no back-off to sit out. It
// returns false once ctx has ended.
func (s *sender) wait(ctx context.Context) bool {
	if s.current.Failures > 0 {
		backoff := time.NewTimer(time.Until(s.current.NextTry))
		defer backoff.Stop()
		select {
		case <-ctx.Done():
			return false
		case <-backoff.C:
		case <-s.changed: // it may be what was wrong
		}
	}
	// With nothing to send, only what this Alertmanager must not forget is a reason
	// to ask whether it is still the same.
	watch := time.NewTicker(checkEvery)
	defer watch.Stop()
	for s.outbox.len() == 0 {
		select {
		case <-ctx.Done():
			return false
		case <-s.outbox.work:
		case <-watch.C:
			if s.outbox.vigil() {
				return ctx.Err() == nil
			}
		}
	}
	return ctx.Err() == nil
}

// sweep forgets what this Alertmanager has had its time for. One that does not
// tell of its restarts is taken to have none.
func (s *sender) sweep() {
	now, heard := time.Now(), s.contact.heard
	if !s.contact.readable {
		heard = now
	}
	s.outbox.sweep(now, heard)
}

// attempt sends one batch and returns whether the Alertmanager took it in. A
// refused batch is sent again one alert at a time, once: that stores the valid
// alerts where the Alertmanager has not, and finds the culprit. It costs at
// most one request per alert in the batch.
func (s *sender) attempt(ctx context.Context) bool {
	batch := s.outbox.next(s.batchSize, s.suspects, time.Now(), s.client.timeout)
	if len(batch) == 0 {
		return true
	}
	f := s.post(ctx, batch)
	if f != nil && f.verdict == rejected && len(batch) > 1 {
		for i := range batch {
			if f = s.post(ctx, batch[i:i+1]); f != nil && f.verdict != rejected {
				break
			}
		}
	}
	now := time.Now()
	s.current.LastAttempt = now
	// An Alertmanager that refuses an alert is there and reads: no back-off.
	if f == nil || f.verdict == rejected {
		s.current.Failures, s.current.NextTry = 0, time.Time{}
		s.quiet.succeeded(now)
		s.publish()
		return true
	}
	s.contact.doubt = true
	s.current.Failures++
	wait := backoff(s.current.Failures, s.maxBackoff, s.jitter())
	s.current.NextTry = now.Add(wait)
	s.quiet.failed(now, f, wait, s.outbox.len())
	s.publish()
	return false
}

// post makes one request and settles its alerts by the outcome.
func (s *sender) post(ctx context.Context, batch []parcel) *failure {
	now := time.Now()
	alerts := make(models.PostableAlerts, len(batch))
	correct := s.clock.correction(now).from(s.ahead())
	for i, p := range batch {
		// An alert that ends while the request is under way would arrive as
		// resolved.
		alerts[i] = p.payload(now, s.client.timeout, correct)
	}
	f := s.client.post(ctx, alerts)
	took := time.Since(now)
	s.readClock(now.Add(took))
	n := len(batch)
	if f == nil {
		s.metrics.sent.Add(float64(n))
		s.metrics.latency.Observe(took.Seconds())
		s.current.Sent += uint64(n)
		s.current.LastSuccess = now.Add(took)
		s.current.LastError = ""
		s.contact.heard = now.Add(took)
		for _, p := range batch {
			delete(s.suspects, p.key)
		}
		s.outbox.settle(batch, true, now.Add(took))
		return nil
	}
	s.metrics.errors.Add(float64(n))
	s.current.Failed += uint64(n)
	s.current.LastError = f.text
	if f.verdict == rejected && n == 1 {
		s.reject(batch, f, now.Add(took))
	}
	return f
}

// reject gives up on the one message of the batch, unless its alert has changed
// since. Repeated refusals of one alert for the same reason are logged once.
func (s *sender) reject(batch []parcel, f *failure, now time.Time) {
	m := batch[0]
	s.metrics.rejected.Inc()
	s.current.Dropped++
	s.current.LastRejection = m.note.Labels.String() + ": " + f.text
	if reason, known := s.suspects[m.key]; !known || reason != f.text {
		s.log.Error("alert rejected", "labels", m.note.Labels, "err", f)
		if !known && len(s.suspects) >= maxSuspects {
			clear(s.suspects)
		}
		s.suspects[m.key] = f.text
	}
	s.outbox.settle(batch, false, now)
	s.outbox.refused(m.key, f.text, now)
}

// publish makes the current status visible to other goroutines.
func (s *sender) publish() {
	st := s.current
	s.status.Store(&st)
}

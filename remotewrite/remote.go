package remotewrite

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
)

// flushTime is how long a remote may still take samples after its stop was asked for.
const flushTime = time.Second

// remote is one entry of the configuration.
type remote struct {
	opts     *Options
	cfg      *config.RemoteWriteConfig
	external labels.Labels
	key      string // of its mark
	client   *client
	queue    *queue
	log      *slog.Logger

	// Owned by run while that runs, else by the Writer.
	mark         int64 // all that was committed of times up to it is acknowledged
	builder      *labels.Builder
	families     families
	metadataDue  time.Time
	foreignUntil time.Time
	divisions    float64
	divided      time.Time // when the last division ended
	dividing     int       // depth of the divisions under way

	mu     sync.Mutex
	status Status    // guarded by mu
	done   int64     // guarded by mu; mark, for other goroutines
	logged time.Time // guarded by mu; when a failure was last logged; zero: none goes on
}

// run sends until ctx ends, and then for at most flushTime what is in the queue.
func (r *remote) run(ctx context.Context) {
	sending, cancel := linger(ctx, flushTime)
	defer cancel()
	defer r.client.http.CloseIdleConnections()
	for r.catchUp(ctx, sending) && r.live(ctx, sending) {
		continue
	}
	r.queue.detach()
	r.rewind(r.queue.forget())
}

// live sends what is committed, until the queue could not take it all (true) or ctx
// has ended (false).
func (r *remote) live(ctx, sending context.Context) bool {
	perSend := r.cfg.QueueConfig.MaxSamplesPerSend
	for {
		if !r.gather(ctx, perSend) {
			return true
		}
		r.refresh(ctx, sending)
		batch := r.queue.take(perSend)
		if len(batch) == 0 {
			if ctx.Err() != nil {
				return false
			}
			continue
		}
		delivered := r.deliver(ctx, sending, r.prepare(batch))
		if delivered {
			r.advance(min(latest(batch), r.opts.Now().UnixMilli()))
		} else {
			r.rewind(earliest(batch))
		}
		r.queue.settle()
		if !delivered {
			return false
		}
	}
}

// gather waits until there is enough for a request, or what there is has waited for
// batch_send_deadline, or something else is to be done. It returns false if the
// queue has given up.
func (r *remote) gather(ctx context.Context, enough int) bool {
	deadline := time.Time{}
	for {
		n, attached := r.queue.length()
		if !attached {
			return false
		}
		if n > 0 && deadline.IsZero() {
			deadline = time.Now().Add(time.Duration(r.cfg.QueueConfig.BatchSendDeadline))
		}
		if n >= enough || ctx.Err() != nil {
			return true
		}
		due := time.Minute
		if n > 0 {
			due = time.Until(deadline)
		} else if r.tellsMetadata() {
			due = time.Until(r.metadataDue)
		}
		if due <= 0 {
			return true
		}
		select {
		case <-ctx.Done():
		case <-r.queue.wake:
		case <-time.After(due):
		}
	}
}

// prepare makes what was committed into what is sent, in the order of time.
func (r *remote) prepare(batch []sample) []sample {
	out := make([]sample, 0, len(batch))
	for _, s := range batch {
		if (s.h != nil || s.fh != nil) && !r.cfg.SendNativeHistograms {
			continue
		}
		if ls, send := r.outgoing(s.labels); send {
			s.labels = ls
			out = append(out, s)
		}
	}
	sortByTime(out)
	return out
}

func (r *remote) tellsMetadata() bool {
	return r.cfg.MetadataConfig.Send && r.opts.Metadata != nil
}

// refresh looks at what is known of metrics, and in version 1.0 tells of it. What
// is lost of that is told the next time.
func (r *remote) refresh(ctx, sending context.Context) {
	if !r.tellsMetadata() || time.Now().Before(r.metadataDue) || ctx.Err() != nil {
		return
	}
	r.metadataDue = time.Now().Add(time.Duration(r.cfg.MetadataConfig.SendInterval))
	r.families = newFamilies(r.opts.Metadata())
	if r.protocol() != remoteapi.WriteV1MessageType {
		return
	}
	requests, err := encodeMetadata(r.families.list(), r.cfg.MetadataConfig.MaxSamplesPerSend)
	for _, body := range requests {
		if rep := r.client.post(sending, body, remoteapi.WriteV1MessageType, 0); rep.err != nil {
			err = errors.Join(err, rep.err)
			break
		}
	}
	if err != nil {
		r.log.Debug("metadata not sent", "err", err)
	}
}

// advance moves the mark on, rewind back to before a sample of time t.
func (r *remote) advance(t int64) { r.setMark(max(r.mark, t)) }
func (r *remote) rewind(t int64) {
	if t != never {
		r.setMark(min(r.mark, t-1))
	}
}

func (r *remote) setMark(t int64) {
	r.mark = t
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = t
}

// acknowledged is up to which time all that was committed is acknowledged. It may be
// called from any goroutine.
func (r *remote) acknowledged() int64 {
	waiting := r.queue.oldest()
	r.mu.Lock()
	defer r.mu.Unlock()
	return min(r.done, waiting-1)
}

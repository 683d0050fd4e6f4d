package remotewrite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
)

const (
	// deniedBackoff is the least wait where a remote denies: nothing but a human
	// changes that.
	deniedBackoff = 30 * time.Second
	// foreignFor is how long a remote that does not speak 2.0 is spoken to in 1.0.
	foreignFor = time.Hour
	// divisions is how many requests at once, and then how many each second, may be
	// divided to find which of their samples are refused.
	divisions = 64
)

// outgoing is how a series is called at the remote, and whether it goes there.
func (r *remote) outgoing(ls labels.Labels) (labels.Labels, bool) {
	r.builder.Reset(ls)
	r.external.Range(func(l labels.Label) {
		if r.builder.Get(l.Name) == "" {
			r.builder.Set(l.Name, l.Value)
		}
	})
	if !relabel.ProcessBuilder(r.builder, r.cfg.WriteRelabelConfigs...) {
		return labels.EmptyLabels(), false
	}
	out := r.builder.Labels()
	return out, !out.IsEmpty()
}

// deliverAll delivers samples in the order of time, a request after the other. It
// returns false if ctx has ended before all was delivered.
func (r *remote) deliverAll(ctx, sending context.Context, batch []sample) bool {
	perSend := r.cfg.QueueConfig.MaxSamplesPerSend
	for part := range slices.Chunk(batch, perSend) {
		if ctx.Err() != nil || !r.deliver(ctx, sending, part) {
			return false
		}
		r.advance(latest(part) - 1) // the next part may begin with the same time
	}
	return true
}

// deliver posts until the samples are acknowledged or given up. It returns false
// when ctx has ended before; sending ends what is under way then.
func (r *remote) deliver(ctx, sending context.Context, batch []sample) bool {
	backoff := time.Duration(r.cfg.QueueConfig.MinBackoff)
	var body []byte
	var encoded remoteapi.WriteMessageType
	for attempt := 0; ; attempt++ {
		young, protocol := r.young(batch), r.protocol()
		if len(young) == 0 {
			return true
		}
		if body == nil || len(young) < len(batch) || protocol != encoded {
			var err error
			if body, err = encode(young, protocol, r.families); err != nil {
				r.reject(len(young), fmt.Errorf("encode samples: %w", err))
				return true
			}
		}
		batch, encoded = young, protocol
		rep := r.post(sending, body, protocol, attempt)
		switch rep.verdict {
		case accepted:
			r.accept(batch, protocol, rep)
			return true
		case rejected:
			if protocol == remoteapi.WriteV2MessageType && rep.counted { // it has taken the rest
				r.accept(batch, protocol, rep)
				return true
			}
			return r.divide(ctx, sending, batch, rep)
		case tooLarge:
			return r.divide(ctx, sending, batch, rep)
		case foreign:
			if protocol == remoteapi.WriteV1MessageType {
				rep.verdict = denied
			} else {
				r.foreignUntil = time.Now().Add(foreignFor)
				r.log.Warn("remote does not speak remote write 2.0, 1.0 is used", "err", rep.err)
				continue
			}
		}
		r.fail(rep.err)
		if rep.verdict == denied {
			backoff = max(backoff, deniedBackoff)
		}
		if !wait(ctx, rep.after+rand.N(backoff+1)) {
			return false
		}
		backoff = min(2*backoff, max(time.Duration(r.cfg.QueueConfig.MaxBackoff), backoff))
	}
}

// post sends one request, and takes a reply to 2.0 that does not bear its headers
// for what the specification says: that of a remote that speaks 1.0 alone.
func (r *remote) post(sending context.Context, body []byte, protocol remoteapi.WriteMessageType, attempt int) reply {
	rep := r.client.post(sending, body, protocol, attempt)
	if protocol == remoteapi.WriteV2MessageType && !rep.counted && (rep.verdict == accepted || rep.verdict == rejected) {
		rep.verdict = foreign
		if rep.err == nil {
			rep.err = fmt.Errorf("the reply bears no count of what was written")
		}
	}
	return rep
}

// divide finds which samples of a request are refused: those of earlier times first,
// so that the order of each series is kept. A store that had them already refuses
// them by time; what else is bad is searched for within bounds.
func (r *remote) divide(ctx, sending context.Context, batch []sample, rep reply) bool {
	if len(batch) == 1 {
		r.reject(1, rep.err)
		return true
	}
	middle := len(batch) / 2
	if batch[0].t != batch[len(batch)-1].t {
		middle = betweenTimes(batch)
	} else if rep.verdict == rejected && !r.mayDivide() {
		r.reject(len(batch), rep.err)
		return true
	}
	return r.deliver(ctx, sending, batch[:middle]) && r.deliver(ctx, sending, batch[middle:])
}

// betweenTimes is where the samples of a batch, in the order of time, are best
// parted so that no time stands on both sides.
func betweenTimes(batch []sample) int {
	middle := len(batch) / 2
	after := middle
	for after < len(batch) && batch[after].t == batch[middle].t {
		after++
	}
	before := middle
	for before > 0 && batch[before-1].t == batch[middle].t {
		before--
	}
	if before == 0 || after < len(batch) && after-middle < middle-before {
		return after
	}
	return before
}

// mayDivide spends one of the divisions that are left.
func (r *remote) mayDivide() bool {
	now := time.Now()
	r.divisions = min(divisions, r.divisions+now.Sub(r.divided).Seconds())
	r.divided = now
	if r.divisions < 1 {
		return false
	}
	r.divisions--
	return true
}

// young drops what is older than sample_age_limit.
func (r *remote) young(batch []sample) []sample {
	limit := time.Duration(r.cfg.QueueConfig.SampleAgeLimit)
	if limit == 0 {
		return batch
	}
	oldest := r.opts.Now().Add(-limit).UnixMilli()
	if earliest(batch) >= oldest {
		return batch
	}
	kept := slices.DeleteFunc(slices.Clone(batch), func(s sample) bool { return s.t < oldest })
	r.expire(len(batch) - len(kept))
	return kept
}

// protocol is the version that is spoken now.
func (r *remote) protocol() remoteapi.WriteMessageType {
	if r.cfg.ProtobufMessage == remoteapi.WriteV2MessageType && !time.Now().Before(r.foreignUntil) {
		return remoteapi.WriteV2MessageType
	}
	return remoteapi.WriteV1MessageType
}

// linger is a context that ends d after ctx.
func linger(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	after, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(d, cancel) })
	return after, func() { stop(); cancel() }
}

// wait returns false if ctx ends first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

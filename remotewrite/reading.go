package remotewrite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

const (
	// firstStep is how much time the first read of a catch-up covers; then it follows
	// from how much is there.
	firstStep = time.Minute
	// shortestStep is read whole, however much it is.
	shortestStep = time.Second
	// stepSamples bounds what one read holds in memory: 50 bytes each, and labels.
	stepSamples = 50_000
)

// Storage that has left its disk is waited for before anything is read: what it has
// on the disk would seem to be nothing. In the end what it has in memory goes first.
const (
	degradedWait = 15 * time.Minute
	degradedLook = 5 * time.Second
)

// errTooMany: a read has come to its bound.
var errTooMany = errors.New("too many samples for one read")

// readError is of data that are there and cannot be read, where the storage as such
// answers.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

// read returns what storage has from mint to maxt, in milliseconds, both inclusive,
// as it is to be sent: in the order of time, and nothing of it bound to storage. More
// than limit samples are errTooMany.
func (r *remote) read(ctx context.Context, mint, maxt int64, limit int) ([]sample, error) {
	q, err := r.opts.Queryable.Querier(mint, maxt)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	var batch []sample
	set := q.Select(ctx, false, &storage.SelectHints{Start: mint, End: maxt}, labels.MustNewMatcher(labels.MatchNotEqual, labels.MetricName, ""))
	var it chunkenc.Iterator
	for set.Next() {
		series := set.At()
		ls, send := r.outgoing(series.Labels())
		if !send {
			continue
		}
		it = series.Iterator(it)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			if s := at(it, kind, ls); s.h == nil && s.fh == nil || r.cfg.SendNativeHistograms {
				batch = append(batch, s)
			}
			if len(batch) > limit {
				return nil, errTooMany
			}
		}
		if it.Err() != nil {
			return nil, readError{fmt.Errorf("read samples: %w", it.Err())}
		}
	}
	if set.Err() != nil {
		return nil, readError{fmt.Errorf("read series: %w", set.Err())}
	}
	sortByTime(batch)
	return batch, nil
}

func at(it chunkenc.Iterator, kind chunkenc.ValueType, ls labels.Labels) sample {
	s := sample{labels: ls}
	switch kind {
	case chunkenc.ValHistogram:
		s.t, s.h = it.AtHistogram(nil)
	case chunkenc.ValFloatHistogram:
		s.t, s.fh = it.AtFloatHistogram(nil)
	default:
		s.t, s.v = it.At()
	}
	return s
}

// catchUp reads from storage what was not acknowledged, step by step, until only
// what the queue takes is left. It returns false when ctx ends. sending ends later.
func (r *remote) catchUp(ctx, sending context.Context) bool {
	r.see(func(s *Status) { s.CatchingUp = true })
	width, tries, patience := firstStep.Milliseconds(), 0, degradedWait
	for ctx.Err() == nil {
		if !r.opts.Degraded() {
			patience = degradedWait
		} else if patience > 0 {
			patience -= degradedLook
			wait(ctx, degradedLook)
			continue
		}
		r.rewind(r.queue.forget())
		now := r.opts.Now().UnixMilli()
		from := r.begin(now)
		to, last := from+width-1, from+width > now
		if last {
			r.rewind(r.queue.attach())
			from, to = r.begin(now), never-1
		}
		r.see(func(s *Status) { s.From, s.To = time.UnixMilli(from), time.UnixMilli(now) })
		limit := stepSamples
		if width <= shortestStep.Milliseconds() {
			limit = maxQueue * 16
		}
		batch, err := r.read(ctx, from, to, limit)
		if patience > 0 && r.opts.Degraded() { // and who knows what was read
			r.queue.detach()
			continue
		}
		if err == nil && r.deliverAll(ctx, sending, batch) {
			r.advance(max(from-1, min(to, latest(batch))))
			if last {
				r.see(func(s *Status) { s.CatchingUp = false })
				return true
			}
			r.advance(to)
			if tries = 0; len(batch) < stepSamples/4 {
				width *= 2
			}
			continue
		}
		r.queue.detach()
		if errors.Is(err, errTooMany) {
			width = max(width/2, shortestStep.Milliseconds())
			continue
		}
		if err != nil && ctx.Err() == nil {
			tries++
			r.cannotRead(ctx, err, tries, from, min(to, now))
		}
	}
	return false
}

// begin is the time to read from: that after the mark, or as far back as samples
// may be sent. A mark ahead of the present is of a clock that has been set back.
func (r *remote) begin(now int64) int64 {
	r.mark = min(r.mark, now)
	if limit := time.Duration(r.cfg.QueueConfig.SampleAgeLimit); limit > 0 {
		r.mark = max(r.mark, now-limit.Milliseconds())
	}
	return r.mark + 1
}

// readTries is how often a step is read before it is given up, a second apart.
const readTries = 30

// cannotRead waits before the next try. Storage that does not answer is waited for;
// a step that it cannot give back is given up in the end, or all that came after it
// would be lost too.
func (r *remote) cannotRead(ctx context.Context, err error, tries int, from, to int64) {
	if tries == 1 {
		r.log.Warn("samples to send cannot be read", "err", err)
	}
	if errors.As(err, &readError{}) && tries%readTries == 0 {
		r.log.Error("samples are not sent, as they cannot be read", "err", err, "from", time.UnixMilli(from).UTC(), "to", time.UnixMilli(to).UTC())
		r.see(func(s *Status) { s.Unreadable++ })
		r.advance(to)
		return
	}
	wait(ctx, time.Second)
}

package plan

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// AppenderV2 starts a transaction on storage, and takes what it stores into the
// window when it commits. Everything that is written to storage must go through
// here. It may be called from any goroutine.
func (p *Plan) AppenderV2(ctx context.Context) storage.AppenderV2 {
	batch, _ := p.batches.Get().(*[]sample)
	if batch == nil {
		batch = &[]sample{}
	}
	before, _, _ := p.opts.Extent(0, 0)
	app := p.opts.Appendable.AppenderV2(ctx)
	after, _, _ := p.opts.Extent(0, 0)
	return &appender{AppenderV2: app, plan: p, batch: batch, generation: after, known: before == after}
}

// appender notes what storage has accepted.
type appender struct {
	storage.AppenderV2
	plan  *Plan
	batch *[]sample
	// generation is that of the storage which the transaction writes to, if known.
	generation uint64
	known      bool
}

func (a *appender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	ref, err := a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
	if err != nil {
		var partial *storage.AppendPartialError
		if !errors.As(err, &partial) { // that one is about exemplars, the sample is in
			return ref, err
		}
	}
	*a.batch = append(*a.batch, sample{ref: ref, labels: ls, t: t, v: v, histogram: h != nil || fh != nil})
	return ref, err
}

// AppendExemplars implements storage.ExemplarAppenderV2 where the storage does.
func (a *appender) AppendExemplars(ref storage.SeriesRef, ls labels.Labels, es []exemplar.Exemplar) (storage.SeriesRef, error) {
	ea, ok := a.AppenderV2.(storage.ExemplarAppenderV2)
	if !ok {
		return 0, fmt.Errorf("append exemplars: %T takes none", a.AppenderV2)
	}
	return ea.AppendExemplars(ref, ls, es)
}

func (a *appender) Commit() error {
	defer a.done()
	p := a.plan
	p.commits.Lock()
	defer p.commits.Unlock()
	if err := a.AppenderV2.Commit(); err != nil {
		if len(*a.batch) > 0 {
			p.Invalidate() // who knows what of it is in storage
		}
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() {
		if fault := recover(); fault != nil {
			p.fault(fault, "samples")
		}
	}()
	ours := func(generation uint64) bool { return a.known && a.generation == generation }
	switch f := p.filling; {
	case f != nil && f.listening:
		f.hear(*a.batch, ours(f.generation), p.opts.MaxPoints)
	case !p.filled: // all is read from storage later
	case ours(p.generation):
		p.window.publish(*a.batch)
	default: // storage was exchanged beneath the window or the transaction
		p.filled = false
	}
	return nil
}

func (a *appender) Rollback() error {
	defer a.done()
	return a.AppenderV2.Rollback()
}

// maxPooled bounds the batches that are kept for later transactions.
const maxPooled = 1 << 18

func (a *appender) done() {
	if a.batch != nil && cap(*a.batch) <= maxPooled {
		clear(*a.batch) // labels of series that may be no more
		*a.batch = (*a.batch)[:0]
		a.plan.batches.Put(a.batch)
	}
	a.batch = &[]sample{}
}

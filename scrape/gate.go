package scrape

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
)

// gate stands between a manager and the storage: it says when a scrape has been
// committed, and once shut lets nothing through, so that a scrape which the stop
// has cut off is not recorded as a failure of the target.
type gate struct {
	to    storage.AppendableV2
	clock func() (at time.Time, ahead time.Duration)
	// follow gives who follows a scrape of the target that begins now; nil is nobody.
	follow func(*scrape.Target) follower
	// late: the storage is opened, and the clock asked, when the first sample is there
	// and not when the scrape begins. Of many targets one always hangs, and what is
	// open keeps the storage from being closed and cut over.
	late bool

	mu     sync.RWMutex // read by those who commit
	closed bool         // guarded by mu
}

// follower is told of one scrape by the goroutine that scrapes. It must not block.
type follower interface {
	// sample is one that is no stale marker; ref is 0 if its series is a new one.
	sample(ref storage.SeriesRef, ls labels.Labels)
	// committing comes before the samples are stored, committed after that, or after
	// storage has refused them: then the scrape is not up any more.
	committing(at time.Time, up bool)
	committed(at time.Time, up bool)
	// ended is the last call, whatever became of the scrape.
	ended()
}

// shut returns when no commit is under way, and none will be.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

func (g *gate) isShut() bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.closed
}

// AppenderV2 implements storage.AppendableV2.
func (g *gate) AppenderV2(ctx context.Context) storage.AppenderV2 {
	a := &gateAppender{gate: g, ctx: ctx}
	if t, ok := scrape.TargetFromContext(ctx); ok {
		a.follower = g.follow(t)
	}
	if !g.late {
		a.open()
	}
	return a
}

type gateAppender struct {
	storage.AppenderV2 // nil until it is opened
	gate               *gate
	ctx                context.Context
	follower           follower // may be nil
	// Samples come with the time of the wall clock, which is so much behind the
	// time that they are to bear. None may be of a time to come, which a clock that
	// was set, or a target with a clock of its own, would make them.
	ahead, latest int64
	// at and up are of the "up" sample that the manager adds; at is 0 without one.
	at      int64
	up      float64
	refused bool // storage did not take it
}

func (a *gateAppender) open() {
	// First the clock: it may have to cut the storage over, which waits for those
	// who write.
	at, ahead := a.gate.clock()
	a.latest, a.ahead = at.UnixMilli(), ahead.Milliseconds()
	a.AppenderV2 = a.gate.to.AppenderV2(a.ctx)
}

func (a *gateAppender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	if a.AppenderV2 == nil {
		if a.gate.isShut() {
			return ref, nil // nothing of this scrape counts any more
		}
		a.open()
	}
	t = min(t+a.ahead, a.latest)
	stale := value.IsStaleNaN(v)
	// The manager names the family of what it adds, of which "up" is one. A target
	// that brings an "up" too is overruled: the manager's is the last.
	health := !stale && opts.MetricFamilyName != "" && ls.Get(labels.MetricName) == "up"
	if health {
		a.at, a.up = t, v
	}
	if !stale && a.follower != nil {
		a.follower.sample(ref, ls)
	}
	ref, err := a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
	if health {
		a.refused = err != nil
	}
	return ref, err
}

// AppendExemplars implements storage.ExemplarAppenderV2 where the storage does.
func (a *gateAppender) AppendExemplars(ref storage.SeriesRef, ls labels.Labels, es []exemplar.Exemplar) (storage.SeriesRef, error) {
	if ea, ok := a.AppenderV2.(storage.ExemplarAppenderV2); ok {
		return ea.AppendExemplars(ref, ls, es)
	}
	return ref, nil
}

// finished tells whether this was a scrape that somebody follows, and not only the
// stale markers of a target that is no more.
func (a *gateAppender) finished() bool { return a.at != 0 && a.follower != nil }

func (a *gateAppender) end() {
	if a.follower != nil {
		a.follower.ended()
	}
}

// Rollback is the end of a scrape that storage took nothing of.
func (a *gateAppender) Rollback() error {
	defer a.end()
	a.gate.mu.RLock()
	defer a.gate.mu.RUnlock()
	if a.AppenderV2 == nil {
		return nil
	}
	err := a.AppenderV2.Rollback()
	if a.finished() && !a.gate.closed {
		a.follower.committed(time.UnixMilli(a.at), false)
	}
	return err
}

func (a *gateAppender) Commit() error {
	defer a.end()
	a.gate.mu.RLock()
	defer a.gate.mu.RUnlock()
	if a.AppenderV2 == nil {
		return nil
	}
	if a.gate.closed {
		return a.AppenderV2.Rollback()
	}
	at, up := time.UnixMilli(a.at), a.up == 1 && !a.refused
	if a.finished() {
		a.follower.committing(at, up)
	}
	err := a.AppenderV2.Commit()
	// A scrape that storage did not take is finished all the same, but brought
	// nothing: evaluation goes on over what is there, as over a failed scrape.
	if a.finished() {
		a.follower.committed(at, up && err == nil)
	}
	return err
}

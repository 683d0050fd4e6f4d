package scrape

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

// gate stands between the manager and the storage: it says when a scrape has
// been committed, and once shut lets nothing through, so that a scrape which the
// stop has cut off is not recorded as a failure of the target.
type gate struct {
	to storage.AppendableV2
	// committing and committed are called before and after each commit.
	committing, committed func(Scraped)
	clock                 func() (at time.Time, ahead time.Duration)

	mu     sync.Mutex
	closed bool // guarded by mu
}

// shut returns when no commit is under way, and none will be.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

// AppenderV2 implements storage.AppendableV2.
func (g *gate) AppenderV2(ctx context.Context) storage.AppenderV2 {
	// First the clock: it may have to cut the storage over, which waits for those
	// who write.
	at, ahead := g.clock()
	return &gateAppender{AppenderV2: g.to.AppenderV2(ctx), gate: g, latest: at.UnixMilli(), ahead: ahead.Milliseconds()}
}

type gateAppender struct {
	storage.AppenderV2
	gate *gate
	// Samples come with the time of the wall clock, which is so much behind the
	// time that they are to bear. None may be of a time to come, which a clock that
	// was set, or a target with a clock of its own, would make them.
	ahead, latest int64
	// at and up are of the last "up" sample: the manager appends its own report
	// after the samples of the target.
	at int64
	up float64
	// counts and info: the target is a Docker engine, and it has restored its
	// containers.
	counts, info bool
	refused      bool // storage did not take the "up" sample
}

// A Docker engine that starts counts no containers until it has restored them;
// only then does it say what it is. Replay looks for the same.
const (
	CountsMetric = "engine_daemon_container_states_containers"
	InfoMetric   = "engine_daemon_engine_info"
)

func (a *gateAppender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	t = min(t+a.ahead, a.latest)
	if !value.IsStaleNaN(v) {
		switch ls.Get(labels.MetricName) {
		case "up":
			a.at, a.up = t, v
		case CountsMetric:
			a.counts = true
		case InfoMetric:
			a.info = true
		}
	}
	ref, err := a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
	if err != nil && a.at == t && ls.Get(labels.MetricName) == "up" {
		a.refused = true
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

func (a *gateAppender) Commit() error {
	a.gate.mu.Lock()
	defer a.gate.mu.Unlock()
	if a.gate.closed {
		return a.AppenderV2.Rollback()
	}
	sc := Scraped{At: time.UnixMilli(a.at), Up: a.up == 1 && !a.refused, Restoring: a.counts && !a.info}
	if a.at != 0 {
		a.gate.committing(sc)
	}
	err := a.AppenderV2.Commit()
	// A scrape that storage did not take is finished all the same, but brought
	// nothing: evaluation goes on over what is there, as over a failed scrape.
	if a.at != 0 {
		sc.Up = sc.Up && err == nil
		a.gate.committed(sc)
	}
	return err
}

// Package remotewrite sends what storage takes to other stores, by Prometheus's
// remote-write protocol, 1.0 and 2.0.
//
// Each remote owns a queue in memory, bounded, of what was committed and not
// acknowledged yet, in the order of the commits, and a mark on the disk: all samples
// up to it are acknowledged. What the queue does not hold (of the time before the
// start, or of an outage that was longer than it) is read from storage, in the order
// of time, as far back as storage reaches. So nothing is asked of the write-ahead
// log, which storage cuts, moves and does without, and nothing holds the TSDB open for
// longer than one bounded read.
//
// Invariants: a sample is given up only when the remote has refused it for good, or
// when storage or sample_age_limit no longer has it; one request is under way to each
// remote, so that the order of a series is kept; a commit never waits.
package remotewrite

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// Options says where samples are read and what is known of them.
type Options struct {
	// Dir is where the mark of each remote is kept, in a file; if empty, what was not
	// sent when the process ended is not sent by the next.
	Dir string
	// Queryable is what has been stored, for what a queue does not hold.
	Queryable storage.Queryable
	// Degraded tells that storage may not give back all that it has, until it returns
	// to its disk. The default is never.
	Degraded func() bool
	// Now is the time that samples bear. The default is time.Now.
	Now func() time.Time
	// Metadata lists what is known of families of metrics. The default is nothing.
	Metadata   func() []Metadata
	Logger     *slog.Logger          // the default is none
	Registerer prometheus.Registerer // the default is none
}

// Metadata is what targets say of a family of metrics.
type Metadata struct {
	Family, Help, Unit string
	Type               model.MetricType
}

// Writer sends to all remotes of a configuration. Its methods may be called from
// any goroutine, Run from one at a time.
type Writer struct {
	opts    Options
	log     *slog.Logger
	changed chan struct{} // holds a signal when remotes has changed
	remotes atomic.Pointer[[]*remote]
	connect func(*config.RemoteWriteConfig) (*client, error)

	mu    sync.Mutex
	marks *marks // guarded by mu; nil until there is a remote
}

// New makes a Writer without remotes, which sends nothing before Run.
func New(o Options) *Writer {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Degraded == nil {
		o.Degraded = func() bool { return false }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	w := &Writer{opts: o, log: o.Logger.With("component", "remote write"), changed: make(chan struct{}, 1), connect: newClient}
	w.remotes.Store(&[]*remote{})
	if o.Registerer != nil {
		o.Registerer.MustRegister(newMetrics(w))
	}
	return w
}

func (w *Writer) current() []*remote { return *w.remotes.Load() }

// Status is that of each remote, in the order of the configuration.
func (w *Writer) Status() []Status {
	var all []Status
	for _, r := range w.current() {
		all = append(all, r.view(w.opts.Now()))
	}
	return all
}

// Apply makes cfgs the remotes, and external the labels that each sample bears
// unless it has them itself. Remotes that stay as they were go on undisturbed. On
// error, which names the entry, all stays as it was. It may be called before, during
// and between Run; a remote that is new gets what is committed from now on.
func (w *Writer) Apply(cfgs []*config.RemoteWriteConfig, external labels.Labels) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	list, err := w.build(cfgs, external)
	if err != nil {
		return err
	}
	// Nothing may fail from here on.
	if len(list) > 0 && w.marks == nil {
		if w.marks, err = loadMarks(w.opts.Dir); err != nil {
			w.log.Warn("what remotes have acknowledged is unknown: they get what is committed from now on", "err", err)
		}
	}
	w.remotes.Store(&list)
	select {
	case w.changed <- struct{}{}:
	default:
	}
	return nil
}

// Run sends until ctx ends, then for at most a second what is left; marks are
// durable when it returns, and the error says if they are not. It may be called
// again. Who appends should have ended before: what is committed after it, of times
// that were sent already, is sent only if the process lives on.
func (w *Writer) Run(ctx context.Context) error {
	all := &crew{writer: w}
	tick := time.NewTicker(markInterval)
	defer tick.Stop()
	fault := ""
	for {
		all.follow(ctx, w.current())
		err := w.saveMarks(all, false)
		if err != nil && err.Error() != fault {
			w.log.Warn("what remotes have acknowledged is not durable", "err", err)
			fault = err.Error()
		} else if err == nil {
			fault = ""
		}
		select {
		case <-ctx.Done():
			all.follow(ctx, nil)
			return w.saveMarks(all, true)
		case <-w.changed:
		case <-tick.C:
		}
	}
}

// crew are the remotes that run. It is owned by Run.
type crew struct {
	writer *Writer
	at     []*member
}

type member struct {
	remote *remote
	cancel context.CancelFunc
	ended  chan struct{}
}

// follow ends the remotes that are not in list, and then begins those that are new:
// one may take the place of another, and goes on where that has ended.
func (c *crew) follow(ctx context.Context, list []*remote) {
	var gone []*member
	c.at = slices.DeleteFunc(c.at, func(m *member) bool {
		if slices.Contains(list, m.remote) {
			return false
		}
		m.cancel()
		gone = append(gone, m)
		return true
	})
	for _, m := range gone {
		<-m.ended
		c.writer.setMark(m.remote, true)
	}
	for _, r := range list {
		if slices.ContainsFunc(c.at, func(m *member) bool { return m.remote == r }) {
			continue
		}
		c.writer.startAtMark(r)
		ctx, cancel := context.WithCancel(ctx)
		m := &member{remote: r, cancel: cancel, ended: make(chan struct{})}
		c.at = append(c.at, m)
		go func() {
			defer close(m.ended)
			r.run(ctx)
		}()
	}
}

// startAtMark lets a remote begin where it, or the one before it, has ended.
func (w *Writer) startAtMark(r *remote) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m, ok := w.marks.all[r.key]; ok {
		r.setMark(m.start())
	}
}

func (w *Writer) setMark(r *remote, final bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.marks.all[r.key] = mark{Time: time.UnixMilli(r.acknowledged()).UTC(), Final: final}
}

// saveMarks makes the marks durable. Those of the crew that ended are final already.
func (w *Writer) saveMarks(c *crew, final bool) error {
	for _, m := range c.at {
		w.setMark(m.remote, final)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.marks == nil {
		return nil
	}
	return w.marks.save(w.opts.Now(), func(key string) bool {
		return slices.ContainsFunc(w.current(), func(r *remote) bool { return r.key == key })
	})
}

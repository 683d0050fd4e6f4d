// Package notify brings alerts to Alertmanagers. It owns one outbox and one
// send loop per Alertmanager, and is the only package that knows the
// Alertmanager client.
//
// Invariants:
//
//   - Send never blocks and never fails.
//   - The latest state of every alert handed to Send is either in an
//     Alertmanager's outbox or was acknowledged by that Alertmanager. The
//     exceptions are counted and logged: an alert that the Alertmanager refuses
//     by itself, and the oldest ones of an outbox that is full.
//   - An outbox holds one state per alert, so an outage costs memory by the
//     number of alerts and not by its length.
//   - What one Alertmanager does, or does not do, changes nothing for another.
//   - An incident that was over before an Alertmanager was told of it is reported
//     to it all the same, late and saying so: Alertmanager does not notify what it
//     saw only as resolved.
//   - An Alertmanager that has restarted is told again everything that fires.
//   - Times are sent as the Alertmanager's clock has them, where that is far off.
//   - A password never reaches a log, a status, a metric or an error, unless
//     the Alertmanager itself writes the bare word in a reply.
//
// Nothing here outlives the process. Whoever wants an outbox that does keeps what
// Send was handed as news, strikes out what Delivered reports, and gives the rest
// to Restore.
package notify

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"

	"github.com/tocsin/tocsin/alert"
)

// Notifier hands alerts to every Alertmanager that a setting names, or that the
// configuration file does. Make one with New.
type Notifier struct {
	opts      Options
	log       *slog.Logger
	metrics   *metrics
	announcer *announcer // used if there are no receivers
	started   atomic.Bool

	configuring sync.Mutex           // one Configure at a time
	finding     *discovery.SDMetrics // guarded by configuring; nil until a discovery needs it

	mu         sync.Mutex
	standing   standing          // guarded by mu
	senders    []*sender         // guarded by mu: in the order in which they are shown
	external   labels.Labels     // guarded by mu
	relabel    []*relabel.Config // guarded by mu: of all alerts
	base       *dress            // guarded by mu: by these two
	sections   []*section        // guarded by mu
	configured bool              // guarded by mu: sections are what the file says
	complaints map[string]bool   // guarded by mu: what was logged of what is discovered
	running    *running          // guarded by mu; nil unless Run does
}

// running is what Run has started.
type running struct {
	ctx, sendCtx context.Context
	wg           sync.WaitGroup
}

// New returns a Notifier that sends nothing before Run. It fails only on
// options that contradict themselves; an Alertmanager that cannot be reached
// is no error. Metrics of the same names must not be registered twice.
func New(opts Options) (*Notifier, error) {
	opts.setDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	log := opts.Logger.With("component", "notify")
	n := &Notifier{
		opts:       opts,
		log:        log,
		metrics:    newMetrics(opts.Registerer),
		announcer:  newAnnouncer(log),
		standing:   newStanding(),
		external:   wellFormed(opts.ExternalLabels),
		complaints: map[string]bool{},
	}
	n.metrics.queueCapacity.Set(float64(opts.Capacity))
	n.mu.Lock()
	n.dress()
	n.reconcile(time.Now())
	n.mu.Unlock()
	if opts.Registerer != nil {
		opts.Registerer.MustRegister(collector{n})
	}
	return n, nil
}

// Send takes over the latest state of some alerts. It never blocks, keeps no
// reference to ns, and may be called before Run, during Run, after Run has
// returned, and from several goroutines. Of two states of one alert the one
// that was handed over later wins, so the states of one alert should come from
// one goroutine.
//
// A firing alert should be handed over again before its EndsAt. One that could
// not be delivered in time is not forgotten: when the Alertmanager is back it
// is sent with an EndsAt that lies as far ahead as it did at hand-over.
func (n *Notifier) Send(ns []alert.Notification) {
	if len(ns) == 0 {
		return
	}
	now, ahead := time.Now(), n.opts.Ahead()
	at := now.Add(ahead)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.standing.update(ns, at)
	dressed := map[*dress]batch{}
	for _, s := range n.senders {
		b, ok := dressed[s.dress]
		if !ok {
			b = newBatch(ns, s.dress, at)
			dressed[s.dress] = b
		}
		s.enqueue(b.messages, now)
		if len(b.withheld) > 0 {
			s.outbox.withhold(b.withheld)
		}
	}
	if len(n.senders) == 0 {
		n.announcer.announce(newBatch(ns, n.base, at).messages)
	}
}

// batch is what one Send has for receivers of one dress, and the news that is not for
// them.
type batch struct {
	messages []*message
	withheld []alert.Notification
}

func newBatch(ns []alert.Notification, d *dress, at time.Time) batch {
	b := batch{messages: make([]*message, 0, len(ns))}
	for _, note := range ns {
		if m := newMessage(note, d, at); m != nil {
			b.messages = append(b.messages, m)
		} else if note.News {
			b.withheld = append(b.withheld, note)
		}
	}
	return b
}

// Run looks for Alertmanagers where the configuration says so, and sends, until ctx
// ends. Then it gives every Alertmanager one more chance to take what is left, all of
// them at once and within the drain timeout. It returns when all its goroutines have
// ended. It may be called once; a second call returns an error at once.
//
// End ctx after the producers of alerts have stopped: what is handed over while
// Run drains is sent only if there is time.
func (n *Notifier) Run(ctx context.Context) error {
	if n.started.Swap(true) {
		return errors.New("notify: run called twice")
	}
	// Requests outlive ctx by the drain timeout: cutting them off when ctx ends
	// would fail a delivery that is about to succeed.
	sendCtx, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()
	r := &running{ctx: ctx, sendCtx: sendCtx}
	n.mu.Lock()
	n.running = r
	n.startAll()
	n.mu.Unlock()
	n.watchLost(ctx)
	n.mu.Lock()
	n.running = nil // whoever comes now is not started any more
	n.mu.Unlock()
	deadline := time.AfterFunc(n.opts.DrainTimeout, cutOff)
	defer deadline.Stop()
	r.wg.Wait()
	return nil
}

// watchLost gives up what discovery has lost for long, until ctx ends.
func (n *Notifier) watchLost(ctx context.Context) {
	look := time.NewTicker(time.Minute)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-look.C:
			n.mu.Lock()
			if n.anyLost() {
				n.reconcile(now)
			}
			n.mu.Unlock()
		}
	}
}

// Status returns how each Alertmanager is doing: those of the setting first, then
// as the configuration file has its sections, and by their URLs. The result is a copy.
// Any goroutine may call it at any time.
func (n *Notifier) Status() []Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]Status, 0, len(n.senders))
	for _, s := range n.senders {
		st := *s.status.Load()
		st.Origin, st.LostSince = s.origin, s.lost
		st.Pending = s.outbox.len()
		st.Dropped += s.overflow.Load()
		st.Undelivered, st.OldestUndelivered, st.Late = s.outbox.owed()
		out = append(out, st)
	}
	return out
}

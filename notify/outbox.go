package notify

import (
	"container/list"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin/tocsin/alert"
)

// outbox holds what one Alertmanager has yet to acknowledge: the latest message
// per alert, and an account of the incidents behind it. An alert keeps its place
// when its state changes, so that alerts that change often cannot push themselves
// behind the others for ever. All methods may be called by any goroutine, and
// none blocks.
type outbox struct {
	capacity int
	hold     time.Duration // how long a late report stands
	length   prometheus.Gauge
	// deliver reports what became of incidents. It is called with mu held, so that
	// reports come in the order of events.
	deliver func([]alert.Receipt)
	// work holds a value while there may be something to send. It has one slot:
	// producers signal, they do not ship.
	work chan struct{}
	// opened is what the times of taken count from, by the monotonic clock.
	opened time.Time

	mu       sync.Mutex
	order    *list.List          // of *account, oldest first; guarded by mu
	index    map[uint64]*account // by message.key; guarded by mu
	receipts []alert.Receipt     // guarded by mu: to be delivered before it is released
	lates    uint64              // late reports delivered; guarded by mu
	taken    map[uint64]taken    // by message.key; guarded by mu
	swept    time.Time           // when taken last was; guarded by mu
}

func newOutbox(capacity int, hold time.Duration, length prometheus.Gauge, deliver func([]alert.Receipt)) *outbox {
	return &outbox{
		capacity: capacity,
		hold:     hold,
		length:   length,
		deliver:  deliver,
		work:     make(chan struct{}, 1),
		opened:   time.Now(),
		order:    list.New(),
		index:    make(map[uint64]*account),
		taken:    make(map[uint64]taken),
	}
}

// unlock ends every change.
func (o *outbox) unlock() {
	o.length.Set(float64(o.order.Len()))
	if len(o.receipts) > 0 {
		o.deliver(o.receipts)
		o.receipts = nil
	}
	o.mu.Unlock()
}

// signal says that there may be something to send.
func (o *outbox) signal() {
	select {
	case o.work <- struct{}{}:
	default:
	}
}

func (o *outbox) receipt(fp alert.Fingerprint, startsAt time.Time, t alert.Told, until time.Time) {
	o.receipts = append(o.receipts, alert.Receipt{Fingerprint: fp, StartsAt: startsAt, Told: t, Until: until})
}

// put takes over messages and returns how many others it dropped for want of
// room.
func (o *outbox) put(ms []*message, now time.Time) (dropped int) {
	o.mu.Lock()
	for _, m := range ms {
		a := o.account(m.key)
		o.expire(a, now)
		o.admit(a, m, now)
		a.latest = m
		if !a.holds(m, now) {
			dropped += o.lineUp(a)
		}
	}
	o.unlock()
	o.signal()
	return dropped
}

// account finds or opens the account of an alert. The caller holds mu.
func (o *outbox) account(key uint64) *account {
	a := o.index[key]
	if a == nil {
		if len(o.index) >= 2*o.capacity {
			o.forgetTold()
		}
		a = &account{}
		o.index[key] = a
	}
	return a
}

// forgetTold makes room for accounts. The caller holds mu.
func (o *outbox) forgetTold() {
	for key, a := range o.index {
		if a.place == nil {
			o.giveUp(a)
			delete(o.index, key)
		}
	}
}

// lineUp gives an account a place in line if it has none. The caller holds mu.
func (o *outbox) lineUp(a *account) (dropped int) {
	if a.place != nil {
		return 0
	}
	if o.order.Len() >= o.capacity {
		o.evict()
		dropped++
	}
	a.place = o.order.PushBack(a)
	return dropped
}

// evict drops the oldest resolved message, or else the oldest late report, or
// else the oldest one. An Alertmanager that misses an end finds out by itself at
// endsAt; one that misses a firing alert never does. The caller holds mu.
func (o *outbox) evict() {
	victim, rank := o.order.Front(), 0
	for el := victim; el != nil && rank < 2; el = el.Next() {
		a := el.Value.(*account)
		switch {
		case a.late():
			if rank == 0 {
				victim, rank = el, 1
			}
		case a.latest.note.Resolved:
			victim, rank = el, 2
		}
	}
	a := victim.Value.(*account)
	o.leave(a)
	o.giveUp(a)
	delete(o.index, a.latest.key)
}

// leave takes an account out of the line. The caller holds mu.
func (o *outbox) leave(a *account) {
	o.order.Remove(a.place)
	a.place = nil
}

// next returns the oldest messages, at most limit, without taking them out: first
// the state of what is there, then what is over and was missed. A message whose
// key is in alone is never returned together with others. No parcel's end comes
// before now + margin if it is a late report. None is returned if all that is left
// are late reports that wait.
func (o *outbox) next(limit int, alone map[uint64]string, now time.Time, margin time.Duration) []parcel {
	o.mu.Lock()
	defer o.unlock()
	batch := make([]parcel, 0, min(limit, o.order.Len()))
	for _, late := range []bool{false, true} {
		for el := o.order.Front(); el != nil && len(batch) < limit; el = el.Next() {
			a := el.Value.(*account)
			o.expire(a, now)
			if a.late() != late || late && a.missed.waits {
				continue
			}
			p := parcel{message: a.latest, missed: a.missed, until: a.until}
			if !p.until.After(now.Add(margin)) {
				p.until = now.Add(o.hold)
			}
			if _, ok := alone[p.key]; ok {
				if len(batch) == 0 {
					return append(batch, p)
				}
				continue
			}
			batch = append(batch, p)
		}
	}
	return batch
}

// settle takes out the messages that are still the latest of their alert. An
// alert that has changed meanwhile stays and goes to the end of the line: in
// its place, alerts that change during every request would be sent again and
// again while others wait.
func (o *outbox) settle(ps []parcel, taken bool, now time.Time) {
	o.mu.Lock()
	defer o.unlock()
	for _, p := range ps {
		a := o.index[p.key]
		switch {
		case a == nil || a.place == nil:
			continue
		case taken:
			o.acknowledge(a, p, now)
		case a.latest == p.message: // refused
			o.giveUp(a)
		}
		if a.latest != p.message && !a.holds(a.latest, now) {
			if !a.latest.moved { // else what goes on would begin before this ends
				o.order.MoveToBack(a.place)
			}
			continue
		}
		o.leave(a)
		if a.idle() {
			delete(o.index, p.key)
		}
	}
}

// sweep forgets what the Alertmanager has had its time for: it was last heard of
// at contact.
func (o *outbox) sweep(now, contact time.Time) {
	o.mu.Lock()
	defer o.unlock()
	o.forgetTaken(now)
	for key, a := range o.index {
		o.expire(a, now)
		if !a.told.none() && !a.told.at.IsZero() && !a.told.at.Add(o.hold).After(contact) {
			a.told = told{}
		}
		if a.idle() {
			delete(o.index, key)
		}
	}
}

// repeat lines up all that an Alertmanager must be told that knows nothing any
// more: what stands, and what it has not had time to notify anyone of.
func (o *outbox) repeat(standing []*message, now time.Time) (dropped int) {
	o.mu.Lock()
	clear(o.taken)
	for _, a := range o.index {
		a.settles = time.Time{}
		if a.until.After(now) {
			a.until = time.Time{}
		}
		if t := a.told; !t.none() && !t.endedAt.IsZero() {
			a.missed.add(t.fp, t.startsAt, t.startsAt, t.endedAt, now, 1)
			a.told = told{}
		}
		a.told.at = time.Time{}
		if a.missed.count > 0 {
			dropped += o.lineUp(a)
		}
	}
	dropped += o.stand(standing)
	o.unlock()
	o.signal()
	return dropped
}

// stand lines up what fires and is not in line. The caller holds mu.
func (o *outbox) stand(standing []*message) (dropped int) {
	for _, m := range standing {
		if a := o.account(m.key); a.place == nil {
			a.latest = m
			dropped += o.lineUp(a)
		}
	}
	return dropped
}

func (o *outbox) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.order.Len()
}

// vigil tells whether a restart of the Alertmanager would be news although
// nothing is to be sent.
func (o *outbox) vigil() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.index) > o.order.Len()
}

package notify

import (
	"container/list"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// outbox holds what one Alertmanager has yet to acknowledge: the latest message
// per alert. An alert keeps its place when its state changes, so that alerts
// that change often cannot push themselves behind the others for ever. All
// methods may be called by any goroutine, and none blocks.
type outbox struct {
	capacity int
	length   prometheus.Gauge
	// work holds a value while there may be something to send. It has one slot:
	// producers signal, they do not ship.
	work chan struct{}

	mu    sync.Mutex
	order *list.List               // of *message, oldest first; guarded by mu
	index map[uint64]*list.Element // by message.key; guarded by mu
}

func newOutbox(capacity int, length prometheus.Gauge) *outbox {
	return &outbox{
		capacity: capacity,
		length:   length,
		work:     make(chan struct{}, 1),
		order:    list.New(),
		index:    make(map[uint64]*list.Element),
	}
}

// put takes over messages and returns how many others it dropped for want of
// room.
func (o *outbox) put(ms []*message) (dropped int) {
	o.mu.Lock()
	for _, m := range ms {
		if el, ok := o.index[m.key]; ok {
			el.Value = m
			continue
		}
		if o.order.Len() >= o.capacity {
			o.evict()
			dropped++
		}
		o.index[m.key] = o.order.PushBack(m)
	}
	o.length.Set(float64(o.order.Len()))
	o.mu.Unlock()

	select {
	case o.work <- struct{}{}:
	default:
	}
	return dropped
}

// evict drops the oldest resolved message, or else the oldest one. An
// Alertmanager that misses an end finds out by itself at endsAt; one that
// misses a firing alert never does. The caller holds mu.
func (o *outbox) evict() {
	victim := o.order.Front()
	for el := victim; el != nil; el = el.Next() {
		if el.Value.(*message).note.Resolved {
			victim = el
			break
		}
	}
	o.remove(victim)
}

// remove takes an element out. The caller holds mu.
func (o *outbox) remove(el *list.Element) {
	delete(o.index, o.order.Remove(el).(*message).key)
}

// next returns the oldest messages, at most limit, without taking them out. A
// message whose key is in alone is never returned together with others.
func (o *outbox) next(limit int, alone map[uint64]string) []*message {
	o.mu.Lock()
	defer o.mu.Unlock()
	batch := make([]*message, 0, min(limit, o.order.Len()))
	for el := o.order.Front(); el != nil && len(batch) < limit; el = el.Next() {
		m := el.Value.(*message)
		if _, ok := alone[m.key]; ok {
			if len(batch) == 0 {
				return append(batch, m)
			}
			continue
		}
		batch = append(batch, m)
	}
	return batch
}

// settle takes out the messages that are still the latest of their alert. An
// alert that has changed meanwhile stays and goes to the end of the line: in
// its place, alerts that change during every request would be sent again and
// again while others wait.
func (o *outbox) settle(ms []*message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range ms {
		el, ok := o.index[m.key]
		switch {
		case !ok:
		case el.Value.(*message) == m:
			o.remove(el)
		default:
			o.order.MoveToBack(el)
		}
	}
	o.length.Set(float64(o.order.Len()))
}

func (o *outbox) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.order.Len()
}

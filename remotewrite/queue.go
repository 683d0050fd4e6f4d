package remotewrite

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
)

// sample is one value of one series; at most one of the histograms is there.
type sample struct {
	labels labels.Labels
	t      int64 // milliseconds
	v      float64
	h      *histogram.Histogram
	fh     *histogram.FloatHistogram
}

// never is later than all times of samples.
const never = math.MaxInt64

// maxQueue bounds a queue, where one commit is larger than its usual limit.
const maxQueue = 1 << 18

// queue holds what was committed, in that order, until it is taken. It takes
// samples only while it is attached; what comes otherwise, or does not fit, is to be
// read from storage: of that it only knows the earliest time.
type queue struct {
	limit int
	wake  chan struct{} // holds a signal when there is news

	mu       sync.Mutex
	attached bool     // guarded by mu
	waiting  []sample // guarded by mu
	missed   int64    // guarded by mu; never: nothing
	inHand   int64    // guarded by mu; earliest time of what was taken and is not settled
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, missed: never, inHand: never, wake: make(chan struct{}, 1)}
}

// push takes a commit. It never waits for anything but other commits.
func (q *queue) push(batch []sample) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.attached && len(q.waiting)+len(batch) > max(q.limit, min(2*len(batch), maxQueue)) {
		q.detachLocked()
	}
	if q.attached {
		q.waiting = append(q.waiting, batch...)
	} else {
		q.missed = min(q.missed, earliest(batch))
	}
	q.signal()
}

// doubt says that samples may be in storage or not, as their commit has failed.
func (q *queue) doubt(batch []sample) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.detachLocked()
	q.missed = min(q.missed, earliest(batch))
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// attach makes the queue take what is committed from now on, and returns what
// forget does.
func (q *queue) attach() int64 {
	q.mu.Lock()
	q.attached, q.waiting = true, nil
	q.mu.Unlock()
	return q.forget()
}

// forget returns the earliest time of what was missed, or never; who calls it reads
// from storage from there.
func (q *queue) forget() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := q.missed
	q.missed = never
	return m
}

// detach ends what attach began. What waits is missed then.
func (q *queue) detach() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.detachLocked()
}

func (q *queue) detachLocked() {
	q.missed = min(q.missed, earliest(q.waiting))
	q.attached, q.waiting = false, nil
}

// take moves up to n samples out; settle follows when they are delivered, or given
// back to storage.
func (q *queue) take(n int) []sample {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.waiting))
	taken := append([]sample(nil), q.waiting[:n]...)
	clear(q.waiting[:n])
	if q.waiting = q.waiting[n:]; len(q.waiting) == 0 {
		q.waiting = nil
	}
	q.inHand = earliest(taken)
	return taken
}

func (q *queue) settle() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inHand = never
}

func (q *queue) length() (n int, attached bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting), q.attached
}

// oldest is the earliest time of what waits, is in hand, or was missed.
func (q *queue) oldest() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return min(q.missed, q.inHand, earliest(q.waiting))
}

func sortByTime(batch []sample) {
	slices.SortStableFunc(batch, func(a, b sample) int { return cmp.Compare(a.t, b.t) })
}

func earliest(batch []sample) int64 {
	t := int64(never)
	for i := range batch {
		t = min(t, batch[i].t)
	}
	return t
}

func latest(batch []sample) int64 {
	t := int64(math.MinInt64)
	for i := range batch {
		t = max(t, batch[i].t)
	}
	return t
}

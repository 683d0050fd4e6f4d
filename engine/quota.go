package engine

import (
	"sync"
	"time"

	"github.com/tocsin/tocsin/alert"
)

// quota is how many alerts all rules together may have, pending and firing: a
// bound on memory, and on what an Alertmanager is told. What is there stays; what
// waits for room is admitted by when it was first seen, whichever rule it is of.
type quota struct {
	max int // 0: no bound

	mu      sync.Mutex
	used    map[*alertingRule]int                             // guarded by mu
	total   int                                               // guarded by mu: all of used
	waiting map[*alertingRule]map[alert.Fingerprint]time.Time // guarded by mu: the rules' own, which do not change
}

func newQuota(limit int) *quota {
	return &quota{max: limit, used: map[*alertingRule]int{}, waiting: map[*alertingRule]map[alert.Fingerprint]time.Time{}}
}

// take asks for room for one more alert of r, which was first seen at since. What
// waits longer for it goes first.
func (q *quota) take(r *alertingRule, since time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	room := q.max - q.total
	if q.max > 0 && room <= q.older(r, since, room) {
		return false
	}
	q.used[r]++
	q.total++
	return true
}

// full tells that nobody finds room.
func (q *quota) full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.max > 0 && q.total >= q.max
}

// older counts the alerts of other rules that wait since before a time, up to
// most. Called with mu held.
func (q *quota) older(r *alertingRule, since time.Time, most int) (n int) {
	for other, fps := range q.waiting {
		if other == r {
			continue
		}
		for _, t := range fps {
			if n >= most {
				return n
			}
			if t.Before(since) {
				n++
			}
		}
	}
	return n
}

// settle notes what r has after an evaluation, and what it has waiting for want
// of room in the quota.
func (q *quota) settle(r *alertingRule, active int, waiting map[alert.Fingerprint]time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.total += active - q.used[r]
	q.used[r] = active
	if len(waiting) > 0 {
		q.waiting[r] = waiting
	} else {
		delete(q.waiting, r)
	}
}

// reset begins anew with the rules of these groups, after a reload.
func (q *quota) reset(groups []*group) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.total = 0
	clear(q.used)
	clear(q.waiting)
	for _, g := range groups {
		for _, r := range g.alerting() {
			q.used[r] = r.active.count()
			q.total += q.used[r]
		}
	}
}

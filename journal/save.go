package journal

import (
	"fmt"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tocsin/tocsin/alert"
)

// queue is the changes that wait to be written. Groups that are evaluated over the
// same scrape come within milliseconds of each other, while a transaction writes
// whole pages and waits for the disk: who comes meanwhile shares the next one.
type queue struct {
	mu      sync.Mutex
	waiting []*saving // guarded by mu

	// writing has room for the one who writes: should a transaction end in a panic,
	// nobody may wait for the locks of the file.
	writing chan struct{}
}

// saving is one Save.
type saving struct {
	changes alert.Changes
	done    chan struct{} // closed when it has been written, or could not be
	err     error         // readable once done
}

func (q *queue) add(s *saving) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, s)
}

func (q *queue) take() []*saving {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting := q.waiting
	q.waiting = nil
	return waiting
}

// Save makes the changes durable, and with them what receivers are to be told and
// the receipts that wait. What is to be told is not lost with an error: the next
// Save writes it. A file that turns out to be damaged is set aside, and Save fails
// until Reopen. Calls at the same time share a transaction, and its error.
func (j *Journal) Save(c alert.Changes) error {
	s := &saving{changes: c, done: make(chan struct{})}
	j.queue.add(s)
	select {
	case <-s.done:
		return s.err
	case j.queue.writing <- struct{}{}:
		defer func() { <-j.queue.writing }()
	}
	all := j.queue.take() // it is not among them if another has written it
	if len(all) > 0 {
		j.saveAll(all)
	}
	<-s.done
	return s.err
}

// saveAll writes what waits, and tells those who wait.
func (j *Journal) saveAll(all []*saving) {
	cs := make([]alert.Changes, len(all))
	for i, s := range all {
		cs[i] = s.changes
	}
	err := j.save(cs)
	j.giveUp(err)
	for _, s := range all {
		j.note(s.changes, err)
		s.err = err
		close(s.done)
	}
}

// save writes changes in their order, in one transaction.
func (j *Journal) save(cs []alert.Changes) error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	news := newsOf(cs)
	if j.db == nil {
		if len(news) > 0 {
			j.distrust()
		}
		return ErrClosed
	}
	oc, stale := j.outboxChanges(news, replaces(cs))
	overflow, gone := 0, []dropped(nil)
	err := guard(func() error { // not Batch, which writes in a goroutine that nothing guards
		return j.db.Update(func(tx *bolt.Tx) (err error) {
			for _, c := range cs {
				if err := saveAlerts(tx, c); err != nil {
					return err
				}
			}
			overflow, gone, err = j.saveOutboxes(tx, oc)
			return err
		})
	})
	if err != nil {
		j.putBack(oc.waiting, stale || oc.anew != nil, news)
		return fmt.Errorf("write journal: %w", err)
	}
	j.written(oc, time.Now())
	j.tellDropped(overflow, gone)
	j.metrics.saves.Add(float64(len(cs)))
	for _, c := range cs {
		if !c.At.IsZero() {
			j.lifetime.told(c.At)
		}
	}
	return nil
}

// tellDropped counts and logs what is in no outbox any more.
func (j *Journal) tellDropped(overflow int, gone []dropped) {
	if overflow > 0 {
		j.metrics.dropped.WithLabelValues(reasonOverflow).Add(float64(overflow))
		j.log.Error("outbox is full, its oldest incidents are dropped", "dropped", overflow, "capacity", j.opts.Capacity)
	}
	for _, d := range gone {
		j.metrics.dropped.WithLabelValues(reasonReceiver).Add(float64(d.incidents))
		j.log.Info("receiver is gone, its outbox is dropped", "receiver", d.receiver, "incidents", d.incidents)
	}
}

// newsOf is what receivers are to be told because of all changes.
func newsOf(cs []alert.Changes) (news []alert.Notification) {
	if len(cs) == 1 {
		return cs[0].News
	}
	for _, c := range cs {
		news = append(news, c.News...)
	}
	return news
}

// replaces tells whether one of the changes stands for all there is.
func replaces(cs []alert.Changes) bool {
	for _, c := range cs {
		if c.Replace {
			return true
		}
	}
	return false
}

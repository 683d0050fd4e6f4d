package journal

import (
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tocsin/tocsin/alert"
)

const (
	// receiptDelay is how long receipts wait for a Save to be written with. Each
	// write of their own would wear the flash, and one that is lost only repeats a
	// message that the receiver knows.
	receiptDelay = 5 * time.Second
	// retryDelay is how long after a write that failed it is tried again, should no
	// Save come before.
	retryDelay = 30 * time.Second
	// maxBacklog bounds what waits to be written. What comes on top is made good
	// by writing the outboxes anew.
	maxBacklog = 20_000
)

// change is one change of an outbox: news for all receivers, or a receipt of one.
type change struct {
	news     *alert.Notification
	receiver string
	receipt  alert.Receipt
}

// Delivered notes what became of incidents at a receiver. It does not block: the
// receipts are written with the next Save, after some seconds, or at Close.
func (j *Journal) Delivered(receiver string, rs []alert.Receipt) {
	changes := make([]change, len(rs))
	for i, r := range rs {
		changes[i] = change{receiver: receiver, receipt: r}
	}
	j.backlogMu.Lock()
	defer j.backlogMu.Unlock()
	j.wait(changes, false)
}

// wait adds to the backlog, or puts back in front what could not be written.
// Called with backlogMu held.
func (j *Journal) wait(changes []change, first bool) {
	delay := receiptDelay
	if first {
		j.backlog = append(changes, j.backlog...)
		delay = retryDelay
	} else {
		j.backlog = append(j.backlog, changes...)
	}
	if len(j.backlog) > maxBacklog {
		j.backlog, j.stale = nil, true
	}
	if j.timer == nil && len(changes) > 0 {
		j.timer = time.AfterFunc(delay, j.flush)
	}
}

// flush writes what no Save took along. A journal that is not open or that
// refuses gets it with the next Save that works.
func (j *Journal) flush() {
	j.backlogMu.Lock()
	if j.timer != nil {
		j.timer.Stop() // it may be Close that flushes
		j.timer = nil
	}
	idle := len(j.backlog) == 0
	j.backlogMu.Unlock()
	if idle {
		return
	}
	if err := j.Save(alert.Changes{}); err != nil && !errors.Is(err, ErrClosed) {
		j.log.Debug("receipts not written yet", "err", err) // whoever has changes to write says so aloud
	}
}

// takeBacklog gives what waits to be written, and whether the outboxes are to be
// written anew instead.
func (j *Journal) takeBacklog() (waiting []change, stale bool) {
	j.backlogMu.Lock()
	defer j.backlogMu.Unlock()
	waiting, stale = j.backlog, j.stale
	j.backlog, j.stale = nil, false
	return waiting, stale
}

// putBack keeps what could not be written for the next Save.
func (j *Journal) putBack(waiting []change, stale bool, news []alert.Notification) {
	j.backlogMu.Lock()
	defer j.backlogMu.Unlock()
	for i := range news {
		waiting = append(waiting, change{news: &news[i]})
	}
	j.stale = j.stale || stale
	j.wait(waiting, true)
}

// distrust has the outboxes written anew with the next Save.
func (j *Journal) distrust() {
	j.backlogMu.Lock()
	defer j.backlogMu.Unlock()
	j.stale = true
}

// outboxChanges are what one Save does to the outboxes.
type outboxChanges struct {
	waiting []change
	news    []alert.Notification
	// anew replaces everything if it is not nil.
	anew map[string][]alert.Undelivered
}

func (j *Journal) outboxChanges(news []alert.Notification, replace bool) (oc outboxChanges, stale bool) {
	waiting, stale := j.takeBacklog()
	oc = outboxChanges{waiting: waiting, news: news}
	if (stale || replace) && j.opts.Undelivered != nil {
		// Taken before it is asked: whatever waits is in the answer. News of another
		// Save that its caller has not sent yet is not; should the process end before
		// it arrives, that is lost.
		oc.anew, oc.waiting = j.opts.Undelivered(), nil
	}
	return oc, stale
}

// saveOutboxes brings the outboxes up to date within a transaction, and returns
// how many entries it dropped for want of room.
func (j *Journal) saveOutboxes(tx *bolt.Tx, oc outboxChanges) (dropped int, err error) {
	if oc.anew == nil && len(oc.waiting)+len(oc.news) == 0 {
		return 0, nil
	}
	root, err := tx.CreateBucketIfNotExists(outboxBucket)
	if err != nil {
		return 0, err
	}
	for _, receiver := range j.opts.Receivers {
		if oc.anew != nil && root.Bucket([]byte(receiver)) != nil {
			if err := root.DeleteBucket([]byte(receiver)); err != nil {
				return dropped, err
			}
		}
		b, err := root.CreateBucketIfNotExists([]byte(receiver))
		if err != nil {
			return dropped, err
		}
		b.FillPercent = fill
		x := box{b}
		added, err := x.apply(receiver, oc)
		if err != nil {
			return dropped, err
		}
		if added > 0 && b.Stats().KeyN+added > j.opts.Capacity { // the pages are counted as they were before
			n, err := x.trim(j.opts.Capacity)
			if err != nil {
				return dropped, err
			}
			dropped += n
		}
	}
	return dropped, nil
}

// apply returns how many entries it put.
func (x box) apply(receiver string, oc outboxChanges) (added int, err error) {
	for _, u := range oc.anew[receiver] {
		if err := x.put(newEntry(u)); err != nil {
			return 0, err
		}
		added++
	}
	for _, w := range oc.waiting {
		switch {
		case w.news != nil:
			err = x.tell(*w.news)
			added++
		case w.receiver == receiver:
			err = x.settle(w.receipt)
		}
		if err != nil {
			return 0, err
		}
	}
	for _, n := range oc.news {
		if err := x.tell(n); err != nil {
			return 0, err
		}
		added++
	}
	return added, nil
}

// Undelivered reads back what each receiver has yet to be told, in the order of
// the incidents of each alert.
func (j *Journal) Undelivered() (map[string][]alert.Undelivered, error) {
	out := make(map[string][]alert.Undelivered, len(j.opts.Receivers))
	err := j.view(func(tx *bolt.Tx) error {
		root := tx.Bucket(outboxBucket)
		for _, receiver := range j.opts.Receivers {
			if root == nil || root.Bucket([]byte(receiver)) == nil {
				continue
			}
			b := root.Bucket([]byte(receiver))
			err := b.ForEach(func(_, v []byte) error {
				e, err := decodeEntry(v)
				if err != nil {
					j.unreadable("undelivered alert", err)
					return nil
				}
				out[receiver] = append(out[receiver], e.undelivered())
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

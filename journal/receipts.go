package journal

import (
	"errors"
	"maps"
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
	if len(changes) > 0 {
		j.writeAfter(delay)
	}
}

// writeAfter has what waits written, should no Save come before. Called with backlogMu
// held.
func (j *Journal) writeAfter(delay time.Duration) {
	if j.timer == nil {
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
	idle := len(j.backlog) == 0 && len(j.receivers.added) == 0 && !j.receivers.strangers
	j.backlogMu.Unlock()
	if idle {
		return
	}
	if err := j.Save(alert.Changes{}); err != nil && !errors.Is(err, ErrClosed) {
		j.log.Debug("receipts not written yet", "err", err) // whoever has changes to write says so aloud
	}
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
	// added is what receivers that are new are to be told.
	added     map[string][]alert.Undelivered
	receivers receivers
}

// outboxChanges takes what waits to be written, and tells whether the outboxes have
// missed changes.
func (j *Journal) outboxChanges(news []alert.Notification, replace bool) (oc outboxChanges, stale bool) {
	j.backlogMu.Lock()
	oc = outboxChanges{waiting: j.backlog, news: news, receivers: j.receivers}
	oc.receivers.added, oc.receivers.gone = maps.Clone(j.receivers.added), maps.Clone(j.receivers.gone)
	stale = j.stale
	j.backlog, j.stale = nil, false
	j.backlogMu.Unlock()
	switch {
	case (stale || replace) && j.opts.Undelivered != nil:
		// Taken before it is asked: whatever waits is in the answer. News of another
		// Save that its caller has not sent yet is not; should the process end before
		// it arrives, that is lost.
		oc.anew, oc.waiting = j.opts.Undelivered(), nil
	case len(oc.receivers.added) > 0:
		oc.added = j.opts.Undelivered()
		maps.DeleteFunc(oc.added, func(name string, _ []alert.Undelivered) bool {
			_, isNew := oc.receivers.added[name]
			return !isNew
		})
	}
	return oc, stale
}

// idle tells whether there is nothing to do.
func (oc outboxChanges) idle() bool {
	return oc.anew == nil && len(oc.waiting)+len(oc.news)+len(oc.receivers.added) == 0 && !oc.receivers.strangers
}

// saveOutboxes brings the outboxes up to date within a transaction, and returns
// how many entries it dropped for want of room, and whose outboxes altogether.
func (j *Journal) saveOutboxes(tx *bolt.Tx, oc outboxChanges) (overflow int, gone []dropped, err error) {
	if oc.idle() {
		return 0, nil, nil
	}
	root, err := tx.CreateBucketIfNotExists(outboxBucket)
	if err != nil {
		return 0, nil, err
	}
	gone, err = dropStrangers(root, oc)
	if err != nil {
		return 0, nil, err
	}
	for _, receiver := range oc.receivers.names {
		n, err := j.saveOutbox(root, receiver, oc)
		if err != nil {
			return 0, nil, err
		}
		overflow += n
	}
	return overflow, gone, nil
}

func (j *Journal) saveOutbox(root *bolt.Bucket, receiver string, oc outboxChanges) (overflow int, err error) {
	if oc.anew != nil && root.Bucket([]byte(receiver)) != nil {
		if err := root.DeleteBucket([]byte(receiver)); err != nil {
			return 0, err
		}
	}
	b, err := root.CreateBucketIfNotExists([]byte(receiver))
	if err != nil {
		return 0, err
	}
	b.FillPercent = fill
	x := box{b}
	if err := x.merge(oc.added[receiver]); err != nil {
		return 0, err
	}
	added, err := x.apply(receiver, oc)
	if err != nil {
		return 0, err
	}
	added += len(oc.added[receiver])
	if added == 0 || b.Stats().KeyN+added <= j.opts.Capacity { // the pages are counted as they were before
		return 0, nil
	}
	return x.trim(j.opts.Capacity)
}

// apply returns how many entries it put.
func (x box) apply(receiver string, oc outboxChanges) (added int, err error) {
	if err := x.merge(oc.anew[receiver]); err != nil {
		return 0, err
	}
	added = len(oc.anew[receiver])
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

// Undelivered reads back what each receiver that there is in the file has yet to be
// told, in the order of the incidents of each alert.
func (j *Journal) Undelivered() (map[string][]alert.Undelivered, error) {
	out := map[string][]alert.Undelivered{}
	err := j.view(func(tx *bolt.Tx) error {
		root := tx.Bucket(outboxBucket)
		if root == nil {
			return nil
		}
		return root.ForEachBucket(func(name []byte) error {
			receiver := string(name)
			out[receiver] = nil
			return root.Bucket(name).ForEach(func(_, v []byte) error {
				e, err := decodeEntry(v)
				if err != nil {
					j.unreadable("undelivered alert", err)
					return nil
				}
				out[receiver] = append(out[receiver], e.undelivered())
				return nil
			})
		})
	})
	if err == nil {
		j.handedOut()
	}
	return out, err
}

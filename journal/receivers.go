package journal

import (
	"maps"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tocsin/tocsin/alert"
)

// receivers are who has an outbox. Guarded by backlogMu.
type receivers struct {
	names []string
	// added are those that are new, by when they came: what they are to be told began
	// before any Save that knew of them.
	added map[string]time.Time
	// gone are those that went and whose outboxes have not been dropped since, by the
	// change with which they did: one that is back is not owed what it was before.
	gone map[string]int
	// read: what is in the file has been handed over. Before, nobody is a stranger.
	read bool
	// strangers: there may be outboxes of receivers that are gone. swept: there are none,
	// as long as names stay.
	strangers, swept bool
	changes          int // of names
}

// SetReceivers replaces Options.Receivers. It does not block: with the next Save, or
// after some seconds, one that is new gets what Options.Undelivered has for it. What is
// kept for others is dropped then, and counted, unless Undelivered has not been read
// yet: until it has, nobody can know whom it is for.
func (j *Journal) SetReceivers(names []string) {
	j.backlogMu.Lock()
	defer j.backlogMu.Unlock()
	r := &j.receivers
	if slices.Equal(names, r.names) && (r.swept || !r.read) {
		return // discovery says the same again and again, and each write wears the flash
	}
	for _, name := range names {
		if !slices.Contains(r.names, name) && j.opts.Undelivered != nil {
			r.added[name] = time.Now()
		}
	}
	for name := range r.added {
		if !slices.Contains(names, name) {
			delete(r.added, name)
		}
	}
	for _, name := range r.names {
		if !slices.Contains(names, name) && r.read {
			r.gone[name] = r.changes
		}
	}
	r.names = slices.Clone(names)
	r.changes++
	r.strangers, r.swept = r.read, false
	j.writeAfter(receiptDelay)
}

// handedOut notes that the outboxes of the file are known.
func (j *Journal) handedOut() {
	j.backlogMu.Lock()
	defer j.backlogMu.Unlock()
	j.receivers.read = true
}

// written notes what a Save has done for the receivers. News that was saved before a
// receiver was known may be handed to it a little later: it is asked for again.
func (j *Journal) written(oc outboxChanges, now time.Time) {
	j.backlogMu.Lock()
	defer j.backlogMu.Unlock()
	r := &j.receivers
	if oc.receivers.strangers && oc.receivers.changes == r.changes {
		r.strangers, r.swept = false, true
	}
	if oc.receivers.strangers {
		maps.DeleteFunc(r.gone, func(name string, change int) bool {
			was, known := oc.receivers.gone[name]
			return known && was == change
		})
	}
	for name, at := range r.added {
		if now.Sub(at) >= receiptDelay {
			delete(r.added, name)
		}
	}
	if len(r.added) > 0 {
		j.writeAfter(receiptDelay)
	}
}

// dropped is an outbox that is gone, and how many incidents were in it.
type dropped struct {
	receiver  string
	incidents int
}

// dropStrangers drops the outboxes of receivers that there are no longer, within a
// transaction. What was settled is not lost.
func dropStrangers(root *bolt.Bucket, oc outboxChanges) (gone []dropped, err error) {
	if !oc.receivers.strangers {
		return nil, nil
	}
	err = root.ForEachBucket(func(name []byte) error {
		if _, went := oc.receivers.gone[string(name)]; went || !slices.Contains(oc.receivers.names, string(name)) {
			gone = append(gone, dropped{receiver: string(name)})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range gone {
		b := root.Bucket([]byte(gone[i].receiver))
		for _, w := range oc.waiting {
			if w.news != nil || w.receiver != gone[i].receiver {
				continue
			}
			if err := (box{b}).settle(w.receipt); err != nil {
				return nil, err
			}
		}
		err := b.ForEach(func(_, _ []byte) error { gone[i].incidents++; return nil })
		if err != nil {
			return nil, err
		}
		if err := root.DeleteBucket([]byte(gone[i].receiver)); err != nil {
			return nil, err
		}
	}
	return gone, nil
}

// merge puts what a receiver is to be told beside what is there, which may know more:
// news is saved before it is handed over.
func (x box) merge(us []alert.Undelivered) error {
	for _, u := range us {
		e := newEntry(u)
		if x.b.Get(outboxKey(u.Fingerprint(), e.StartsAt)) != nil {
			continue
		}
		if err := x.put(e); err != nil {
			return err
		}
	}
	return nil
}

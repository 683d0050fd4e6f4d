package journal

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	bolt "go.etcd.io/bbolt"

	"github.com/tocsin/tocsin/alert"
)

// failure is what a journal that cannot be written remembers.
type failure struct {
	mu  sync.Mutex
	err error // guarded by mu: of the last Save, or of Open; nil if all is well
	// missed are alerts that ended meanwhile; guarded by mu.
	missed map[alert.Key]struct{}
	known  bool // guarded by mu: what is in the file has been handed over by Load
}

// openToRead opens a file that cannot be written, as on a file system that has
// become read-only: what it has is still true. Called with mu held.
func (j *Journal) openToRead(refusal error) error {
	j.note(alert.Changes{}, refusal)
	if !isFile(j.opts.Path) {
		return fmt.Errorf("open journal %s: %w", j.opts.Path, refusal)
	}
	db, err := openReadOnly(j.opts.Path)
	if err != nil {
		return fmt.Errorf("open journal %s: %w", j.opts.Path, errors.Join(refusal, err))
	}
	if j.refused != refusal.Error() {
		j.refused = refusal.Error()
		j.log.Error("journal cannot be written: changes of alert state end with the process", "err", refusal, "do", advice(refusal))
	}
	j.db = db
	return nil
}

func openReadOnly(path string) (*database, error) {
	db, err := openDatabase(path, true)
	if err != nil {
		return nil, err
	}
	if err := guard(func() error { return readThrough(db) }); err != nil {
		return nil, db.shut(err)
	}
	return db, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// note remembers how the last attempt to write ended. What fired meanwhile is
// given again; what ended is not, so its record must not come back.
func (j *Journal) note(c alert.Changes, err error) {
	f := &j.failure
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		for _, k := range c.Deletes {
			delete(f.missed, k)
		}
		if c.Replace {
			clear(f.missed)
		}
		if len(f.missed) == 0 {
			f.err = nil
			j.metrics.failing.Set(0)
		}
		return
	}
	if f.err == nil || !errors.Is(err, ErrClosed) { // which tells less than why it is closed
		f.err = err
	}
	j.metrics.failing.Set(1)
	for _, r := range c.Upserts {
		delete(f.missed, alert.Key{Rule: r.Rule, Fingerprint: r.Alert.Fingerprint()})
	}
	if f.missed == nil {
		f.missed = map[alert.Key]struct{}{}
	}
	for _, k := range c.Deletes {
		f.missed[k] = struct{}{}
	}
}

// Reopen opens the file anew after it could not be written, and takes out what
// ended meanwhile: what bbolt has of a file after an error is not to be relied on,
// and another may stand in its place. What is current is to be saved again
// afterwards. It fails for as long as the file cannot be written.
func (j *Journal) Reopen() error {
	if err := j.letGo(); err != nil {
		return err
	}
	if err := j.Open(); err != nil {
		return err
	}
	j.handedOut()
	j.distrust()
	f := &j.failure
	f.mu.Lock()
	var c alert.Changes
	for k := range f.missed {
		c.Deletes = append(c.Deletes, k)
	}
	f.mu.Unlock()
	return j.Save(c)
}

// letGo closes the file, and sets it aside where it cannot be read, or where nobody
// has read what is in it: that is not true any more, but not to be lost unseen.
func (j *Journal) letGo() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.db != nil {
		_ = j.db.shut(nil) // what failed may fail again
		j.db = nil
	}
	db, err := openFile(j.opts.Path)
	if errors.Is(err, syscall.EIO) {
		return j.setAside("unreadable", err)
	}
	if err != nil {
		return nil // Open says so
	}
	var alerts, incidents int
	err = guard(func() error { return db.View(func(tx *bolt.Tx) error { alerts, incidents = count(tx); return nil }) })
	if err = db.shut(err); err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if j.isKnown() || alerts+incidents == 0 {
		j.handedOver()
		return nil
	}
	if err := j.setAside("unread", fmt.Errorf("it was out of reach at the start, with %d alerts and %d undelivered incidents", alerts, incidents)); err != nil {
		return err
	}
	j.handedOver()
	return nil
}

// count is how many alerts and how many undelivered incidents there are.
func count(tx *bolt.Tx) (alerts, incidents int) {
	alerts = tx.Bucket(alertsBucket).Stats().KeyN
	outboxes := tx.Bucket(outboxBucket)
	if outboxes == nil {
		return alerts, 0
	}
	_ = outboxes.ForEachBucket(func(receiver []byte) error {
		incidents += outboxes.Bucket(receiver).Stats().KeyN
		return nil
	})
	return alerts, incidents
}

func (j *Journal) isKnown() bool {
	j.failure.mu.Lock()
	defer j.failure.mu.Unlock()
	return j.failure.known
}

// handedOver notes that the alerts of the file are known.
func (j *Journal) handedOver() {
	j.failure.mu.Lock()
	defer j.failure.mu.Unlock()
	j.failure.known = true
}

// IsOpen tells whether Save can work, as far as is known.
func (j *Journal) IsOpen() bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	j.failure.mu.Lock()
	defer j.failure.mu.Unlock()
	return j.db != nil && j.failure.err == nil
}

// Damage tells what is wrong with the journal, and what to do; empty if nothing. A
// file that was set aside is told of until somebody has taken it away.
func (j *Journal) Damage() string {
	j.mu.RLock()
	defer j.mu.RUnlock()
	j.failure.mu.Lock()
	defer j.failure.mu.Unlock()
	if err := j.failure.err; err != nil {
		return fmt.Sprintf("alert state does not outlive the process now: %v: %s", err, advice(err))
	}
	if j.damage != "" && !isFile(j.aside) {
		return ""
	}
	return j.damage
}

// advice is what to do about a file that cannot be written.
func advice(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "free some space on the disk of the data directory"
	case errors.Is(err, syscall.EROFS):
		return "the file system has become read-only, which it does after errors: check the disk, then mount it anew"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "give this process the right to write to the data directory"
	}
	return "check the disk of the data directory"
}

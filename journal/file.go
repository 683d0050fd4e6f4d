package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// lockTimeout bounds the wait for another process that has the file open.
const lockTimeout = time.Second

// Open opens the file or begins one. Where the directory refuses, it is opened to
// be read, and Save fails until Reopen; only where that cannot be done either does
// Open fail. Opening an open journal does nothing.
func (j *Journal) Open() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.db != nil {
		return nil
	}
	db, err := openFile(j.opts.Path)
	if err != nil && !isDamage(err) {
		return j.openToRead(err)
	}
	if err != nil {
		if err := j.setAside("damaged", err); err != nil {
			return err
		}
		db, err = openFile(j.opts.Path)
	}
	if err != nil {
		return fmt.Errorf("open journal %s: %w", j.opts.Path, err)
	}
	// A file whose entry in its directory is not on the disk is lost with all that
	// is: this process may have begun it, or one that was killed before it came
	// here. Where directories cannot be synced, all else still can.
	if err := syncDir(filepath.Dir(j.opts.Path)); err != nil {
		j.log.Warn("journal may not outlive a power cut", "err", err)
	}
	j.db, j.refused = db, ""
	return nil
}

// setAside moves the file away, by a name that says why, and tells of it. Called
// with mu held.
func (j *Journal) setAside(why string, cause error) error {
	aside := fmt.Sprintf("%s.%s-%s", j.opts.Path, why, time.Now().UTC().Format("20060102T150405Z"))
	if err := os.Rename(j.opts.Path, aside); err != nil {
		return fmt.Errorf("set journal aside: %w", errors.Join(err, cause))
	}
	j.log.Error("journal set aside: it begins anew", "file", aside, "err", cause)
	j.damage = fmt.Sprintf("the journal could not be read (%v); it was set aside as %s, and a new one begun", cause, aside)
	j.aside = aside
	j.metrics.setAside.Inc()
	return nil
}

// giveUp sets a file aside that turned out to be damaged, and tells whether it did.
// What is known is written to a new one after Reopen, and not before: a journal of
// a part of the alerts would be taken for all of them.
func (j *Journal) giveUp(cause error) bool {
	if !errors.Is(cause, errDamaged) {
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.db == nil {
		return true
	}
	j.db.abandon()
	j.db = nil
	if err := j.setAside("damaged", cause); err != nil {
		j.log.Error("journal is damaged", "err", err)
	}
	return true
}

// syncDir puts the entries of a directory on the disk.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// openFile opens and reads through the file once: bbolt finds damage only where it
// looks.
func openFile(path string) (*database, error) {
	db, err := openDatabase(path, false)
	if err != nil {
		return nil, err
	}
	err = guard(func() error { return readThrough(db) })
	if errors.Is(err, errNew) { // a full disk is no reason not to read
		return begin(db)
	}
	if err != nil {
		return nil, db.shut(err)
	}
	return db, nil
}

// begin makes the buckets of a new file, and opens it anew without what the page
// cache has of it: bbolt begins a file with four pages at once, which Linux keeps as
// one, and counts and marks as written whenever one of the four is. Each transaction
// writes one of them.
func begin(db *database) (*database, error) {
	err := guard(func() error {
		return db.Update(func(tx *bolt.Tx) error {
			_, aerr := tx.CreateBucketIfNotExists(alertsBucket)
			_, merr := tx.CreateBucketIfNotExists(metaBucket)
			return errors.Join(aerr, merr)
		})
	})
	path := db.Path()
	if err := db.shut(err); err != nil {
		return nil, err
	}
	forgetPages(path)
	return openDatabase(path, false)
}

// forgetPages has the page cache drop what it has of a file, if it can.
func forgetPages(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // it costs bytes in a count, no more
}

// errNew is a file without what the journal writes to.
var errNew = errors.New("no buckets yet")

// readThrough is called in guard.
func readThrough(db *database) error {
	if err := check(db); err != nil {
		return err
	}
	return db.View(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{alertsBucket, metaBucket} {
			b := tx.Bucket(name)
			if b == nil {
				return errNew
			}
			if err := b.ForEach(func(_, _ []byte) error { return nil }); err != nil {
				return err
			}
		}
		outboxes := tx.Bucket(outboxBucket)
		if outboxes == nil {
			return nil // of a version before there were any
		}
		return outboxes.ForEachBucket(func(receiver []byte) error {
			return outboxes.Bucket(receiver).ForEach(func(_, _ []byte) error { return nil })
		})
	})
}

package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
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
	if err != nil && isRefusal(err) {
		return j.openToRead(err)
	}
	if err != nil {
		aside := fmt.Sprintf("%s.damaged-%s", j.opts.Path, time.Now().UTC().Format("20060102T150405Z"))
		j.log.Error("journal cannot be read, set aside: alerts begin anew", "file", aside, "err", err)
		j.damage = fmt.Sprintf("the journal could not be read (%v); it was set aside as %s, and alerts began anew", err, aside)
		j.aside = aside
		j.metrics.setAside.Inc()
		if rerr := os.Rename(j.opts.Path, aside); rerr != nil {
			return fmt.Errorf("set journal aside: %w", errors.Join(rerr, err))
		}
		db, err = openFile(j.opts.Path)
	}
	if err != nil {
		return fmt.Errorf("open journal %s: %w", j.opts.Path, err)
	}
	j.dropStrangers(db)
	// A file whose entry in its directory is not on the disk is lost with all that
	// is: this process may have begun it, or one that was killed before it came
	// here. Where directories cannot be synced, all else still can.
	if err := syncDir(filepath.Dir(j.opts.Path)); err != nil {
		j.log.Warn("journal may not outlive a power cut", "err", err)
	}
	j.db = db
	return nil
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

// openFile opens and reads through the file once: bbolt finds damage, by error
// or panic, only where it looks.
func openFile(path string) (db *bolt.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged: %v", p)
			if db != nil {
				_ = db.Close() // the damage is the error
			}
			db = nil
		}
	}()
	db, err = bolt.Open(path, 0o644, &bolt.Options{Timeout: lockTimeout, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, err
	}
	if err = readThrough(db); errors.Is(err, errNew) { // a full disk is no reason not to read
		err = db.Update(func(tx *bolt.Tx) error {
			_, aerr := tx.CreateBucketIfNotExists(alertsBucket)
			_, merr := tx.CreateBucketIfNotExists(metaBucket)
			return errors.Join(aerr, merr)
		})
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// errNew is a file without what the journal writes to.
var errNew = errors.New("no buckets yet")

func readThrough(db *bolt.DB) error {
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

// dropStrangers drops the outboxes of receivers that there are no longer. Where the
// disk refuses they stay until it does not: they are in nobody's way.
func (j *Journal) dropStrangers(db *bolt.DB) {
	dropped := map[string]int{}
	err := db.View(func(tx *bolt.Tx) error {
		root := tx.Bucket(outboxBucket)
		if root == nil {
			return nil
		}
		return root.ForEachBucket(func(receiver []byte) error {
			if !slices.Contains(j.opts.Receivers, string(receiver)) {
				dropped[string(receiver)] = root.Bucket(receiver).Stats().KeyN
			}
			return nil
		})
	})
	if err == nil && len(dropped) > 0 {
		err = db.Update(func(tx *bolt.Tx) error {
			for receiver := range dropped {
				if err := tx.Bucket(outboxBucket).DeleteBucket([]byte(receiver)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		j.log.Warn("outboxes of receivers that are gone are not dropped", "err", err)
		return
	}
	for receiver, n := range dropped {
		j.metrics.dropped.WithLabelValues(reasonReceiver).Add(float64(n))
		j.log.Info("receiver is no longer configured, its outbox is dropped", "receiver", receiver, "incidents", n)
	}
}

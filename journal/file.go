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
	if err := j.dropStrangers(db); err != nil {
		return fmt.Errorf("open journal %s: %w", j.opts.Path, errors.Join(err, db.Close()))
	}
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
	if err = readThrough(db, buckets...); errors.Is(err, errNew) { // a full disk is no reason not to read
		err = db.Update(func(tx *bolt.Tx) (err error) {
			for _, name := range buckets {
				_, cerr := tx.CreateBucketIfNotExists(name)
				err = errors.Join(err, cerr)
			}
			return err
		})
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// errNew is a file without what the journal writes to.
var errNew = errors.New("no buckets yet")

// buckets are those of every file.
var buckets = [][]byte{alertsBucket, metaBucket, outboxBucket}

func readThrough(db *bolt.DB, names ...[]byte) error {
	return db.View(func(tx *bolt.Tx) error {
		for _, name := range names {
			b := tx.Bucket(name)
			if b == nil {
				return errNew
			}
			if err := readBucket(b); err != nil {
				return err
			}
		}
		return nil
	})
}

// readBucket reads what is in a bucket and in those within it.
func readBucket(b *bolt.Bucket) error {
	return b.ForEach(func(k, v []byte) error {
		if v == nil {
			return readBucket(b.Bucket(k))
		}
		return nil
	})
}

// dropStrangers drops the outboxes of receivers that there are no longer.
func (j *Journal) dropStrangers(db *bolt.DB) error {
	dropped := map[string]int{}
	err := db.View(func(tx *bolt.Tx) error {
		root := tx.Bucket(outboxBucket)
		return root.ForEachBucket(func(receiver []byte) error {
			if !slices.Contains(j.opts.Receivers, string(receiver)) {
				dropped[string(receiver)] = root.Bucket(receiver).Stats().KeyN
			}
			return nil
		})
	})
	if err != nil || len(dropped) == 0 {
		return err // without a reason to write, none to fail where one cannot
	}
	err = db.Update(func(tx *bolt.Tx) (err error) {
		for receiver := range dropped {
			err = errors.Join(err, tx.Bucket(outboxBucket).DeleteBucket([]byte(receiver)))
		}
		return err
	})
	if isRefusal(err) {
		return nil // they are passed over, and dropped another time
	}
	if err != nil {
		return err
	}
	for receiver, n := range dropped {
		j.metrics.dropped.WithLabelValues(reasonReceiver).Add(float64(n))
		j.log.Info("receiver is no longer configured, its outbox is dropped", "receiver", receiver, "incidents", n)
	}
	return nil
}

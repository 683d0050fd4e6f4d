// Package journal keeps what must outlive the process: the state of every alert.
// It is one bbolt file, written on transitions only, one transaction for each
// evaluation that changed something, on the disk when Save returns.
//
// Invariants: a Save that returned nil is there after a crash; a file that cannot
// be read is set aside and a new one begun, never a reason to stop; a record that
// this version cannot read is left out and counted, and costs no other.
package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	bolt "go.etcd.io/bbolt"

	"github.com/tocsin/tocsin/alert"
)

var (
	alertsBucket = []byte("alerts")
	metaBucket   = []byte("meta")
	savedKey     = []byte("saved_at")
)

// ErrClosed is the answer of a journal that is not open.
var ErrClosed = errors.New("journal is not open")

// Options say where the journal is.
type Options struct {
	// Path of the file; its directory must exist and be ours (storage's lock).
	Path       string
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Journal may be used from any goroutine between Open and Close.
type Journal struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics

	mu sync.RWMutex
	db *bolt.DB // guarded by mu; nil while closed
	// damage says what was wrong with the file at open; empty if nothing. aside is
	// where that file went.
	damage, aside string // guarded by mu
	failure       failure
}

// New makes a journal that is not open yet: it touches no file.
func New(opts Options) *Journal {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Registerer == nil {
		opts.Registerer = prometheus.NewRegistry()
	}
	return &Journal{opts: opts, log: opts.Logger.With("component", "journal"), metrics: newMetrics(opts.Registerer)}
}

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
	j.db = db
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
		return nil
	})
}

// Close releases the file. Closing a closed journal is no error.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.db == nil {
		return nil
	}
	err := j.db.Close()
	j.db = nil
	if err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

// Save makes the changes durable. Calls at the same time share a transaction.
func (j *Journal) Save(c alert.Changes) error {
	err := j.save(c)
	j.note(c, err)
	return err
}

func (j *Journal) save(c alert.Changes) error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.db == nil {
		return ErrClosed
	}
	err := j.db.Batch(func(tx *bolt.Tx) error {
		b, err := bucketFor(tx, c)
		if err != nil {
			return err
		}
		for _, k := range c.Deletes {
			if err := b.Delete(key(k)); err != nil {
				return err
			}
		}
		for _, r := range c.Upserts {
			v, err := encode(r)
			if err != nil {
				return err
			}
			if err := b.Put(key(alert.Key{Rule: r.Rule, Fingerprint: r.Alert.Fingerprint()}), v); err != nil {
				return err
			}
		}
		if c.At.IsZero() {
			return nil
		}
		at, err := json.Marshal(c.At)
		if err != nil {
			return err
		}
		return tx.Bucket(metaBucket).Put(savedKey, at)
	})
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	j.metrics.saves.Inc()
	return nil
}

// bucketFor is the bucket of the alerts, emptied where the changes replace all.
func bucketFor(tx *bolt.Tx, c alert.Changes) (*bolt.Bucket, error) {
	if !c.Replace {
		return tx.Bucket(alertsBucket), nil
	}
	if err := tx.DeleteBucket(alertsBucket); err != nil {
		return nil, err
	}
	return tx.CreateBucket(alertsBucket)
}

// Load reads back every alert, and the time of the last Save, or of Alive if that
// was later.
func (j *Journal) Load() (records []alert.Record, savedAt time.Time, err error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.db == nil {
		return nil, time.Time{}, ErrClosed
	}
	err = j.db.View(func(tx *bolt.Tx) error {
		if at := tx.Bucket(metaBucket).Get(savedKey); at != nil {
			if err := json.Unmarshal(at, &savedAt); err != nil {
				j.unreadable("time of the last save", err)
			}
		}
		return tx.Bucket(alertsBucket).ForEach(func(_, v []byte) error {
			r, err := decode(v)
			if err != nil {
				j.unreadable("alert", err)
				return nil
			}
			records = append(records, r)
			return nil
		})
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read journal: %w", err)
	}
	j.handedOver()
	if alive := j.lastAlive(); !savedAt.IsZero() && alive.After(savedAt) {
		savedAt = alive
	}
	return records, savedAt, nil
}

func (j *Journal) unreadable(what string, err error) {
	j.metrics.unreadable.Inc()
	j.log.Error("journal entry cannot be read, left out", "what", what, "err", err)
}

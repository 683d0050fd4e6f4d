// Package journal keeps what must outlive the process: the state of every alert,
// and what each receiver has yet to be told of. It is one bbolt file, written on
// transitions only, in one transaction for all evaluations that end together, on the
// disk when Save returns.
//
// Invariants: a Save that returned nil is there after a crash, the alerts and what
// is to be told of them together; a receipt may be lost in a crash, and then a
// message is repeated; an outbox is bounded, and what it drops is counted; a file
// that cannot be read is set aside and a new one begun, never a reason to stop; a
// record that this version cannot read is left out and counted, and costs no other.
package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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
	Path string
	// Receivers each have an outbox, by their names, until SetReceivers says otherwise.
	Receivers []string
	// Capacity is the most incidents that one outbox holds; 10 000.
	Capacity int
	// Undelivered asks those who deliver what each receiver has yet to be told. It
	// is for a file that has missed changes. May be nil.
	Undelivered func() map[string][]alert.Undelivered
	Logger      *slog.Logger
	Registerer  prometheus.Registerer
}

// Journal may be used from any goroutine between Open and Close.
type Journal struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics

	queue    queue
	lifetime lifetime

	mu sync.RWMutex
	db *database // guarded by mu; nil while closed
	// damage says what was wrong with the file; empty if nothing. aside is where that
	// file went.
	damage, aside string // guarded by mu
	refused       string // guarded by mu: why the file was last opened to be read only
	failure       failure

	backlogMu sync.Mutex
	backlog   []change    // guarded by backlogMu: waits for the next Save
	stale     bool        // guarded by backlogMu: the outboxes have missed changes
	timer     *time.Timer // guarded by backlogMu: writes the backlog; nil if there is none
	receivers receivers   // guarded by backlogMu
}

// New makes a journal that is not open yet: it touches no file.
func New(opts Options) *Journal {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Registerer == nil {
		opts.Registerer = prometheus.NewRegistry()
	}
	if opts.Capacity == 0 {
		opts.Capacity = defaultCapacity
	}
	return &Journal{
		opts: opts, log: opts.Logger.With("component", "journal"), metrics: newMetrics(opts.Registerer),
		queue:     queue{writing: make(chan struct{}, 1)},
		receivers: receivers{names: opts.Receivers, added: map[string]time.Time{}, gone: map[string]int{}},
	}
}

// Close writes what waits to be written and releases the file. Closing a closed
// journal is no error.
func (j *Journal) Close() error {
	if j.IsOpen() {
		j.flush()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.db == nil {
		return nil
	}
	err := j.db.shut(nil)
	j.db = nil
	if err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

// saveAlerts brings the alerts up to date.
func saveAlerts(tx *bolt.Tx, c alert.Changes) error {
	b, err := bucketFor(tx, c)
	if err != nil {
		return err
	}
	var enc encoder
	for _, k := range c.Deletes {
		if err := b.Delete(enc.key(k)); err != nil {
			return err
		}
	}
	for _, r := range c.Upserts {
		v, err := enc.encode(r)
		if err != nil {
			return err
		}
		if err := b.Put(enc.key(alert.Key{Rule: r.Rule, Fingerprint: r.Alert.Fingerprint()}), v); err != nil {
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
}

// fill is how full a page is left that is split: pages are written whole, and most
// records come in bursts.
const fill = 0.9

// bucketFor is the bucket of the alerts, emptied where the changes replace all.
func bucketFor(tx *bolt.Tx, c alert.Changes) (b *bolt.Bucket, err error) {
	if !c.Replace {
		b = tx.Bucket(alertsBucket)
	} else if err := tx.DeleteBucket(alertsBucket); err != nil {
		return nil, err
	} else if b, err = tx.CreateBucket(alertsBucket); err != nil {
		return nil, err
	}
	b.FillPercent = fill
	return b, nil
}

// Load reads back every alert, and the time of the last Save, or of Alive if that
// was later.
func (j *Journal) Load() (records []alert.Record, savedAt time.Time, err error) {
	err = j.view(func(tx *bolt.Tx) error {
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
		return nil, time.Time{}, err
	}
	j.handedOver()
	j.lifetime.told(savedAt)
	if alive := j.lastAlive(savedAt); !savedAt.IsZero() && alive.After(savedAt) {
		savedAt = alive
	}
	return records, savedAt, nil
}

// view reads. A file that turns out to be damaged is set aside.
func (j *Journal) view(f func(tx *bolt.Tx) error) error {
	err := func() error {
		j.mu.RLock()
		defer j.mu.RUnlock()
		if j.db == nil {
			return ErrClosed
		}
		return guard(func() error { return j.db.View(f) })
	}()
	if err == nil || errors.Is(err, ErrClosed) {
		return err
	}
	if j.giveUp(err) {
		j.note(alert.Changes{}, err)
	}
	return fmt.Errorf("read journal: %w", err)
}

func (j *Journal) unreadable(what string, err error) {
	j.metrics.unreadable.Inc()
	j.log.Error("journal entry cannot be read, left out", "what", what, "err", err)
}

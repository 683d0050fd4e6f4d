package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// Repair is one thing that was wrong with the store at open and what was done.
type Repair struct {
	At time.Time
	// Kind is block, wal, head_chunks, store or future.
	Kind string
	// Text says what was done, and where what was set aside now stands.
	Text string
}

type repairLog struct {
	mu      sync.Mutex
	entries []Repair // guarded by mu
}

func (l *repairLog) add(r Repair) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, r)
}

// deleted notes that what was set aside as path is no longer there.
func (l *repairLog) deleted(path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, r := range l.entries {
		if strings.Contains(r.Text, path) {
			l.entries[i].Text += "; it has been deleted since, for want of room"
		}
	}
}

func (l *repairLog) list() []Repair {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries)
}

// setAsideBlocks moves away every block that does not open.
func (s *Store) setAsideBlocks() (int, error) {
	return s.setAsideWhere(func(dir string) error {
		b, err := tsdb.OpenBlock(s.log, dir, nil, nil)
		if err != nil {
			return err
		}
		return b.Close()
	})
}

// setAsideUnnamed moves away blocks whose meta.json cannot be read: the TSDB
// would pass over them in silence, and they would fill the disk for ever. Those
// of times that cannot be would make all that is appended too old.
func (s *Store) setAsideUnnamed() (int, error) {
	return s.setAsideWhere(func(dir string) error {
		b, err := os.ReadFile(filepath.Join(dir, "meta.json"))
		if err != nil {
			return err
		}
		var meta tsdb.BlockMeta
		if err := json.Unmarshal(b, &meta); err != nil {
			return err
		}
		return checkSpan(meta)
	})
}

// errDiskFails is a disk of which most cannot be read: what is on it may be as good
// as ever, and moving it about would lose it.
var errDiskFails = errors.New("the disk gives back an error for most of what is on it")

// setAsideWhere moves away the blocks that check finds damaged.
func (s *Store) setAsideWhere(check func(dir string) error) (moved int, err error) {
	entries, err := os.ReadDir(s.tsdbDir())
	if err != nil && isDamage(err) {
		return 0, nil // there is no such directory: not this remedy's case
	}
	if err != nil {
		return 0, err
	}
	var names []string
	var damages []error
	blocks, unread := 0, 0
	for _, e := range entries {
		if _, err := ulid.ParseStrict(e.Name()); err != nil || !e.IsDir() {
			continue
		}
		blocks++
		damage := check(filepath.Join(s.tsdbDir(), e.Name()))
		if damage != nil && !isDamage(damage) {
			return 0, damage
		}
		if errors.Is(damage, syscall.EIO) {
			unread++
		}
		if damage != nil {
			names, damages = append(names, e.Name()), append(damages, damage)
		}
	}
	if unread > 1 && 2*unread > blocks {
		return 0, fmt.Errorf("%w: %d of %d blocks", errDiskFails, unread, blocks)
	}
	for i, name := range names {
		if err := s.setAside(kindBlock, name, damages[i]); err != nil {
			return i, err
		}
	}
	return len(names), nil
}

// setAsideUnreadable moves away every block of which not all can be read.
func (s *Store) setAsideUnreadable() (int, error) {
	return s.setAsideWhere(func(dir string) error {
		return guard(func() (err error) {
			b, err := tsdb.OpenBlock(s.log, dir, nil, nil)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, b.Close()) }()
			return readThrough(b)
		})
	})
}

// readThrough reads every sample of a block.
func readThrough(b *tsdb.Block) (err error) {
	q, err := tsdb.NewBlockQuerier(b, math.MinInt64, math.MaxInt64)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	set := q.Select(context.Background(), false, nil, labels.MustNewMatcher(labels.MatchNotEqual, labels.MetricName, ""))
	var it chunkenc.Iterator
	for set.Next() {
		for it = set.At().Iterator(it); it.Next() != chunkenc.ValNone; {
			continue
		}
		if it.Err() != nil {
			return it.Err()
		}
	}
	return set.Err()
}

// setAsideHead moves the head's chunks away: their samples are read from the
// write-ahead log again.
func (s *Store) setAsideHead() (int, error) { return s.setAsideDir(kindHead, "chunks_head") }

// setAsideLog moves the write-ahead log away: the samples since the last block.
func (s *Store) setAsideLog() (int, error) { return s.setAsideDir(kindWAL, "wal") }

func (s *Store) setAsideDir(kind, name string) (int, error) {
	if !fileExists(filepath.Join(s.tsdbDir(), name)) {
		return 0, nil
	}
	if err := s.setAside(kind, name, errors.New("it does not open")); err != nil {
		return 0, err
	}
	return 1, nil
}

// setAsideStore moves the whole TSDB away: the last resort.
func (s *Store) setAsideStore() (int, error) {
	if err := s.setAside(kindStore, "", errors.New("nothing smaller helped")); err != nil {
		return 0, err
	}
	return 1, nil
}

// reportRepairs finds out from the TSDB's own counters, which start with each
// open, what it dropped in order to open.
func (s *Store) reportRepairs(reg prometheus.Gatherer) {
	for _, c := range []struct{ metric, kind, text string }{
		{"prometheus_tsdb_wal_corruptions_total", kindWAL, "the write-ahead log was cut at its first damaged record: samples after it, since the last block, are lost"},
		{"prometheus_tsdb_mmap_chunk_corruptions_total", kindHead, "damaged chunks of the head were dropped: their samples were read from the write-ahead log, where it has them"},
	} {
		if counter(reg, c.metric) == 0 {
			continue
		}
		s.metrics.repaired.WithLabelValues(c.kind).Inc()
		s.metrics.damaged.SetToCurrentTime()
		s.repairs.add(Repair{At: time.Now(), Kind: c.kind, Text: c.text})
		s.log.Error("storage damaged, repaired", "kind", c.kind, "what", c.text)
	}
}

func counter(g prometheus.Gatherer, name string) float64 {
	families, _ := g.Gather() // what could be gathered is there, error or not
	for _, f := range families {
		if f.GetName() == name && len(f.GetMetric()) > 0 {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return 0
}

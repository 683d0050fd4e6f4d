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
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// keepSetAside bounds how many damaged parts stay on the disk: the newest.
const keepSetAside = 5

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

// setAsideWhere moves away the blocks that check finds damaged.
func (s *Store) setAsideWhere(check func(dir string) error) (moved int, err error) {
	entries, err := os.ReadDir(s.tsdbDir())
	if err != nil && isDamage(err) {
		return 0, nil // there is no such directory: not this remedy's case
	}
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if _, err := ulid.ParseStrict(e.Name()); err != nil || !e.IsDir() {
			continue
		}
		damage := check(filepath.Join(s.tsdbDir(), e.Name()))
		if damage == nil {
			continue
		}
		if !isDamage(damage) {
			return moved, damage
		}
		if err := s.setAside(kindBlock, e.Name(), damage); err != nil {
			return moved, err
		}
		moved++
	}
	return moved, nil
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

// setAside renames tsdb/name into the set-aside directory, and counts, logs and
// remembers it with the reason.
func (s *Store) setAside(kind, name string, reason error) error {
	dir := filepath.Join(s.opts.Dir, "set-aside")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	now := time.Now()
	to := filepath.Join(dir, now.UTC().Format("20060102T150405.000000000Z-")+kind)
	if name != "" && name != kind {
		to += "-" + name
	}
	if err := os.Rename(filepath.Join(s.tsdbDir(), name), to); err != nil {
		return err
	}
	s.metrics.setAside.WithLabelValues(kind).Inc()
	s.metrics.damaged.SetToCurrentTime()
	text := fmt.Sprintf("%s was set aside as %s: %v", kind, to, reason)
	s.repairs.add(Repair{At: now, Kind: kind, Text: text})
	s.log.Error("storage damaged, set aside", "kind", kind, "to", to, "err", reason)
	return pruneSetAside(dir)
}

// pruneSetAside drops the oldest entries: names begin with their time.
func pruneSetAside(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	slices.Sort(names)
	for len(names) > keepSetAside {
		if err := os.RemoveAll(filepath.Join(dir, names[0])); err != nil {
			return err
		}
		names = names[1:]
	}
	return nil
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

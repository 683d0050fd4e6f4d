package storage

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// keepSetAside bounds how many damaged parts stay on the disk: the newest.
const keepSetAside = 5

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
	return s.pruneSetAside(dir)
}

// pruneSetAside drops the oldest entries: names begin with their time.
func (s *Store) pruneSetAside(dir string) error {
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
		path := filepath.Join(dir, names[0])
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		s.deleted(path, deletedMany)
		names = names[1:]
	}
	return nil
}

// dropSetAside deletes the oldest of what was set aside, and returns how much that
// was.
func (s *Store) dropSetAside(over int64) (dropped int64) {
	dir := filepath.Join(s.opts.Dir, "set-aside")
	entries, err := os.ReadDir(dir) // in the order of their names, which begin with the time
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if dropped >= over {
			break
		}
		path := filepath.Join(dir, e.Name())
		n := dirSize(path)
		if err := os.RemoveAll(path); err != nil {
			s.log.Warn("what was set aside cannot be deleted", "path", path, "err", err)
			break
		}
		dropped += n
		s.deleted(path, deletedLimit)
	}
	return dropped
}

// deleted counts and tells what is no longer there of what was set aside.
func (s *Store) deleted(path, reason string) {
	s.metrics.asideDeleted.WithLabelValues(reason).Inc()
	s.repairs.deleted(path)
	s.log.Warn("what was set aside is deleted", "path", path, "reason", reason)
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The Docker engine starts a plugin that ends again within 0.1 s, for ever and with
// no back-off: that is ours. The first exit for a new socket is free; what follows
// without a scrape that succeeded in between waits, longer each time.
const (
	firstExitWait   = time.Minute
	longestExitWait = time.Hour
	// youngestExit is the least age at which a process ends by itself: one that
	// lives for less than half a second is disabled by the engine.
	youngestExit = time.Second
)

// exitsFile is the name of the file, in the data directory.
const exitsFile = "socket-exits.json"

// exits counts how often Tocsin has ended to be started again with a fresh socket.
// The count outlives the process in a file; where that cannot be read or written,
// the age of the process bounds the exits instead. It is for one goroutine.
type exits struct {
	path    string
	unknown error // why the file says nothing
	record  exitRecord
}

// exitRecord is what the file holds.
type exitRecord struct {
	// Vain exits had no successful scrape after them.
	Vain  int       `json:"vain"`
	Last  time.Time `json:"last"`
	Total uint64    `json:"total"`
}

// loadExits reads the file. None is a good answer: there was no exit yet.
func loadExits(dir string) *exits {
	e := &exits{path: filepath.Join(dir, exitsFile)}
	text, err := os.ReadFile(e.path)
	if errors.Is(err, fs.ErrNotExist) {
		return e
	}
	if err == nil {
		err = json.Unmarshal(text, &e.record)
	}
	if err == nil && (e.record.Vain < 0 || e.record.Vain > 0 && e.record.Last.IsZero()) {
		err = errors.New("it makes no sense")
	}
	if err != nil {
		e.record, e.unknown = exitRecord{}, fmt.Errorf("read %s: %w", e.path, err)
	}
	return e
}

// succeeded: this process has scraped, so the exits before it were not in vain.
func (e *exits) succeeded() { e.record.Vain, e.unknown = 0, nil }

// wait is how long the next exit must wait yet, for a process of the given age.
// The process was started after the last exit, so its age is time that has passed
// since, whatever the wall clock did.
func (e *exits) wait(now time.Time, age time.Duration) time.Duration {
	if e.unknown != nil {
		return max(0, firstExitWait-age)
	}
	if e.record.Vain == 0 {
		return 0
	}
	need := longestExitWait
	if doublings := e.record.Vain - 1; doublings < 6 {
		need = min(need, firstExitWait<<doublings)
	}
	return max(0, need-max(age, now.Sub(e.record.Last)))
}

// add counts one more exit, before it happens. An error means that it must not
// happen yet: the next process would not know of it.
func (e *exits) add(now time.Time) error {
	next := exitRecord{Vain: e.record.Vain + 1, Last: now.UTC(), Total: e.record.Total + 1}
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	written := e.path + ".tmp"
	if err = os.MkdirAll(filepath.Dir(e.path), 0o755); err == nil {
		err = os.WriteFile(written, append(text, '\n'), 0o644)
	}
	if err == nil {
		err = os.Rename(written, e.path)
	}
	if err != nil {
		e.unknown = fmt.Errorf("write %s: %w", e.path, err)
		return e.unknown
	}
	e.record = next
	return nil
}

package remotewrite

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	marksFile = "remote-write.json"
	// markInterval is how often marks are written while something is sent: what was
	// acknowledged since the last is sent twice after a crash.
	markInterval = 2 * time.Minute
	// markSlack is how far before a mark that was not the last word of its process
	// the next one begins: a commit of samples of that age may have been under way.
	markSlack = time.Minute
	// markLife is how long marks of remotes are kept that are not configured: a
	// configuration that cannot be read today is there again tomorrow.
	markLife = 7 * 24 * time.Hour
)

// mark is what one remote has acknowledged: all that was committed of times up to it.
type mark struct {
	Time time.Time `json:"acknowledged_until"`
	// Final: nothing was sent after it was written.
	Final bool `json:"final"`
}

// marks is the file of marks. A remote is known by the hash of its URL, and by its
// name where several have the same.
type marks struct {
	path    string // empty: none
	all     map[string]mark
	written []byte // what the file has
}

// loadMarks reads the file. Where it cannot be read there are no marks, and the
// error says so.
func loadMarks(dir string) (*marks, error) {
	m := &marks{all: map[string]mark{}}
	if dir == "" {
		return m, nil
	}
	m.path = filepath.Join(dir, marksFile)
	text, err := os.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		m.written = text
		err = json.Unmarshal(text, &m.all)
	}
	if m.all == nil || err != nil { // null is JSON too
		m.all = map[string]mark{}
	}
	if err != nil {
		return m, fmt.Errorf("read %s: %w", m.path, err)
	}
	return m, nil
}

// start is where to begin after a mark, in milliseconds.
func (m mark) start() int64 {
	if m.Final {
		return m.Time.UnixMilli()
	}
	return m.Time.Add(-markSlack).UnixMilli()
}

// save makes marks durable, if there is a file for them that has others. Those of
// remotes that are there are kept, however old.
func (m *marks) save(now time.Time, there func(key string) bool) error {
	for key, one := range m.all {
		if now.Sub(one.Time) > markLife && !there(key) {
			delete(m.all, key)
		}
	}
	if m.path == "" {
		return nil
	}
	text, err := json.MarshalIndent(m.all, "", "  ")
	if err != nil {
		return err
	}
	if text = append(text, '\n'); bytes.Equal(text, m.written) {
		return nil // for the sake of the flash
	}
	if err := os.MkdirAll(filepath.Dir(m.path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", m.path, err)
	}
	written := m.path + ".tmp"
	if err := writeSynced(written, text); err != nil {
		return fmt.Errorf("write %s: %w", m.path, err)
	}
	if err := os.Rename(written, m.path); err != nil {
		return fmt.Errorf("write %s: %w", m.path, err)
	}
	m.written = text
	return nil
}

func writeSynced(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

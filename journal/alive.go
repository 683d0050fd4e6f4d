package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// lifetime is until when the file tells that the process was there.
type lifetime struct {
	mu    sync.Mutex
	until time.Time // guarded by mu
}

// told notes that the file tells so now.
func (l *lifetime) told(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = until
}

// due tells whether the file is to be told of a time, which is then noted: for others
// who ask at the same time it is not due again.
func (l *lifetime) due(at time.Time, every time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if since := at.Sub(l.until); since >= 0 && since < every { // else the clock stepped back
		return false
	}
	l.until = at
	return true
}

// Alive notes that the process was there at a time, for Load to tell the next one,
// unless a Save or Alive has noted one that is later than the duration before it.
// Without samples on the disk nothing else would, and a `for` would lose what has
// passed since the last change. It is a few bytes in a file of its own, and not
// fsynced: what a power cut takes of it makes a `for` longer, never shorter.
func (j *Journal) Alive(at time.Time, every time.Duration) error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.db == nil {
		return ErrClosed
	}
	if !j.lifetime.due(at, every) {
		return nil
	}
	f, err := os.OpenFile(j.alivePath(), os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("note that we are alive: %w", err)
	}
	_, err = f.WriteAt(binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli())), 0)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("note that we are alive: %w", err)
	}
	return nil
}

// lastAlive is what Alive noted last; zero if nothing.
func (j *Journal) lastAlive() time.Time {
	b, err := os.ReadFile(j.alivePath())
	if err != nil || len(b) != 8 {
		return time.Time{} // it is not there, or torn: the journal's own time holds
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
}

func (j *Journal) alivePath() string { return j.opts.Path + ".alive" }

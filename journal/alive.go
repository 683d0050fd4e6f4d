package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// lifetime is until when the files tell that the process was there.
type lifetime struct {
	mu    sync.Mutex
	saved time.Time // guarded by mu: what the journal tells
	until time.Time // guarded by mu: that, or a mark which is later
}

// told notes what the journal tells now.
func (l *lifetime) told(saved time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.saved, l.until = saved, saved
}

// due tells whether a mark of a time is to be made, and what the journal tells by then.
// The time is noted: for others who ask at the same time it is not due again.
func (l *lifetime) due(at time.Time, every time.Duration) (saved time.Time, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if since := at.Sub(l.until); since >= 0 && since < every { // else the clock stepped back
		return time.Time{}, false
	}
	l.until = at
	return l.saved, true
}

// Alive notes that the process was there at a time, for Load to tell the next one,
// unless a Save or Alive has noted one that is later than the duration before it.
// Without samples on the disk nothing else would, and a `for` would lose what has
// passed since the last change. It is a few bytes in a file of its own, and not
// fsynced: what a power cut takes of it makes a `for` longer, never shorter. It goes
// with the Save before it and no other: after one at which the clock had stepped back
// it would tell of a time to come.
func (j *Journal) Alive(at time.Time, every time.Duration) error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.db == nil {
		return ErrClosed
	}
	saved, due := j.lifetime.due(at, every)
	if !due {
		return nil
	}
	f, err := os.OpenFile(j.alivePath(), os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("note that we are alive: %w", err)
	}
	mark := binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli()))
	_, err = f.WriteAt(binary.BigEndian.AppendUint64(mark, uint64(saved.UnixMilli())), 0)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("note that we are alive: %w", err)
	}
	return nil
}

// lastAlive is what Alive noted last after the Save of a time; zero if nothing.
func (j *Journal) lastAlive(saved time.Time) time.Time {
	b, err := os.ReadFile(j.alivePath())
	if err != nil || len(b) != 16 || int64(binary.BigEndian.Uint64(b[8:])) != saved.UnixMilli() {
		return time.Time{} // it is not there, torn or of before: the journal's own time holds
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
}

func (j *Journal) alivePath() string { return j.opts.Path + ".alive" }

package storage

import (
	"math"
	"time"
)

// Oldest is the time of the oldest sample that can be read now; zero if there is
// none. In memory, and after parts were set aside, there is less than there was.
func (s *Store) Oldest() time.Time {
	h, release, err := s.acquire()
	if err != nil {
		return time.Time{}
	}
	defer release()
	oldest := int64(math.MaxInt64)
	if h.db.Head().NumSeries() > 0 {
		oldest = h.db.Head().MinTime()
	}
	for _, b := range h.db.Blocks() {
		oldest = min(oldest, b.MinTime())
	}
	if oldest == math.MaxInt64 {
		return time.Time{}
	}
	return time.UnixMilli(oldest)
}

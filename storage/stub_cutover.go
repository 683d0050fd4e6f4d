package storage

import "time"

// CutOver is a stand-in.
func (s *Store) CutOver(time.Time) error { return nil }

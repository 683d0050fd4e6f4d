package storage

import "context"

func (s *Store) keepLimit(ctx context.Context) {}

func (s *Store) hasRoom(h *handle, more int64) bool { return true }

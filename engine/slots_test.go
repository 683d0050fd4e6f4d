package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestSlots: no more at once than there are slots, but who keeps one for long does
// not keep the others waiting, and gives back no more than it took.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := make(slots, 2)
		start := time.Now()
		a, b := s.enter(t.Context()), s.enter(t.Context())
		a()
		c := s.enter(t.Context())
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %s for a slot that was free", waited)
		}
		d := s.enter(t.Context()) // b and c hang
		if waited := time.Since(start); waited != slotPatience {
			t.Errorf("waited %s for those that hang, want %s", waited, slotPatience)
		}
		b()
		c()
		c()
		d()
		if len(s) != 0 {
			t.Errorf("%d slots are taken when all have left", len(s))
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		s.enter(t.Context())
		s.enter(t.Context())
		s.enter(over)() // does not wait
		time.Sleep(time.Hour)
		if len(s) != 0 {
			t.Errorf("%d slots are taken by those that never leave", len(s))
		}
	})
}

package engine

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// slotPatience is how long a group, or a rule, may keep its slot. One that hangs must
// not keep the others from their evaluations.
const slotPatience = 250 * time.Millisecond

// slots bounds how many groups are evaluated at once, or ask the query engine: as many
// as there are processors. All at once they would hold all their results in memory
// together, and the first would be done when the last is.
type slots chan struct{}

func newSlots() slots { return make(slots, runtime.GOMAXPROCS(0)) }

// enter waits for a slot, and gives what frees it again.
func (s slots) enter(ctx context.Context) (leave func()) {
	select {
	case s <- struct{}{}:
	case <-ctx.Done():
		return func() {}
	}
	free := sync.OnceFunc(func() { <-s })
	overdue := time.AfterFunc(slotPatience, free)
	return func() {
		overdue.Stop()
		free()
	}
}

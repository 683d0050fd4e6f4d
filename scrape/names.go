package scrape

import (
	"hash/maphash"
	"sync"

	"github.com/prometheus/prometheus/model/labels"
)

// maxNames bounds what is remembered of one target: one that brings more names of
// metrics may bring any.
const maxNames = 20_000

var nameSeed = maphash.MakeSeed()

// names are those of the metrics that a target may bring. It keeps hashes: two names
// with the same one make it bring both, which only makes the engine more careful. It
// may be used by any goroutine.
type names struct {
	mu    sync.RWMutex
	set   map[uint64]struct{} // guarded by mu
	every bool                // guarded by mu: there are too many to keep
	// known: a good scrape was followed from its first sample to its last, or what
	// storage has of the target was added. Guarded by mu.
	known bool
}

func (n *names) add(name string) {
	hash := maphash.String(nameSeed, name)
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.every:
	case len(n.set) < maxNames:
		if n.set == nil {
			n.set = map[uint64]struct{}{}
		}
		n.set[hash] = struct{}{}
	default:
		if _, ok := n.set[hash]; !ok {
			n.every, n.set = true, nil
		}
	}
}

// remember adds what storage knows of the target, if it does.
func (n *names) remember(stored []string, ok bool) {
	if !ok {
		return
	}
	for _, name := range stored {
		n.add(name)
	}
	n.complete()
}

func storesNothing(labels.Labels) (names []string, ok bool) { return nil, false }

func (n *names) complete() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known = true
}

// has tells whether the target may bring series of that name.
func (n *names) has(name string) bool {
	hash := maphash.String(nameSeed, name)
	n.mu.RLock()
	defer n.mu.RUnlock()
	_, ok := n.set[hash]
	return ok || n.every || !n.known
}

// filter is has, or nil as long as it would be true of all.
func (n *names) filter() func(string) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.every || !n.known {
		return nil
	}
	return n.has
}

package engine

import (
	"testing"
	"time"

	"github.com/tocsin/tocsin/alert"
)

// TestSavesOfAnAlert counts what the journal is given: a transaction for each change
// that a later process must know of, and none for anything else. What ended is
// forgotten with the next change.
func TestSavesOfAnAlert(t *testing.T) {
	saves, deleted := 0, 0
	var b *workbench
	b = newBench(t, func(o *Options) {
		takes := o.Journal
		o.Journal = func(c alert.Changes) error {
			saves++
			deleted += len(c.Deletes)
			return takes(c)
		}
	})
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0, for: 1m}, {alert: B, expr: y > 0, for: 1m}]}]`)
	at := t0
	expect := func(what, x, y string, span time.Duration, wantSaves, wantDeleted int) {
		t.Helper()
		saves, deleted = 0, 0
		for until := at.Add(span); at.Before(until); at = at.Add(step15) {
			b.put(at, "x "+x, "y "+y)
			b.tick(at, true)
		}
		if saves != wantSaves || deleted != wantDeleted {
			t.Errorf("%s: %d saves with %d deletions, want %d with %d", what, saves, deleted, wantSaves, wantDeleted)
		}
	}
	expect("nothing", "0", "0", time.Minute, 0, 0)
	expect("pending", "1", "0", time.Minute, 1, 0)
	expect("firing, and sent again each minute", "1", "0", time.Hour, 1, 0)
	expect("ended, and sent again each minute", "0", "0", resolvedRetention, 1, 0)
	expect("forgotten", "0", "0", time.Hour, 0, 0)
	if n := len(b.journal); n != 1 {
		t.Errorf("the journal has %d alerts, want the one that has ended", n)
	}
	expect("another is pending", "0", "1", step15, 1, 1)
	expect("it was nothing", "0", "0", time.Minute, 1, 1)
	if n := len(b.journal); n != 0 {
		t.Errorf("the journal has %d alerts, want none", n)
	}
}

package engine

import (
	"errors"
	"testing"

	"github.com/tocsin/tocsin/alert"
)

// TestResaveOutlivesAReload: a journal that was out of reach gets all state, though
// the rules are loaded anew before the next evaluation.
func TestResaveOutlivesAReload(t *testing.T) {
	const content = `groups: [{name: g, rules: [{alert: A, expr: x > 0}]}, {name: h, rules: [{alert: B, expr: x > 0}]}]`
	b := newBench(t, nil)
	b.load(content)
	b.put(t0, `x 1`)
	b.tick(t0, true)
	clear(b.journal) // another file stands in its place
	b.Resave()
	b.load(content)
	at := t0.Add(step15)
	b.put(at, `x 1`)
	b.tick(at, true)
	if len(b.journal) != 2 {
		t.Errorf("the journal has %v, want A and B", b.journal)
	}
	clear(b.journal)
	b.load(content)
	at = at.Add(step15)
	b.put(at, `x 1`)
	b.tick(at, true)
	if len(b.journal) != 0 {
		t.Errorf("the journal was given %v, which it has", b.journal)
	}
}

// TestJournalThatFailsOverAnEndAndARename: what had ended under the old name is
// deleted too.
func TestJournalThatFailsOverAnEndAndARename(t *testing.T) {
	b := newBench(t, nil)
	takes := b.opts.Journal
	fails := false
	b.opts.Journal = func(c alert.Changes) error {
		if fails {
			return errors.New("the disk is full")
		}
		return takes(c)
	}
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0, for: 1h}]}]`)
	b.put(t0, `x 1`)
	b.tick(t0, true)
	fails = true
	at := t0.Add(step15)
	b.put(at, `x 0`)
	b.tick(at, true)
	fails = false
	b.load(`groups: [{name: h, rules: [{alert: A, expr: x > 0, for: 1h}]}]`)
	at = at.Add(step15)
	b.put(at, `x 0`)
	b.tick(at, true)
	if len(b.journal) != 0 {
		t.Errorf("the journal has %v, want nothing", b.journal)
	}
}

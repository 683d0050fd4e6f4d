package journal

import (
	"errors"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/tocsin/tocsin/alert"
)

// saveTogether calls Save with all changes while a transaction is under way.
func saveTogether(t *testing.T, j *Journal, cs []alert.Changes) []error {
	t.Helper()
	errs := make([]error, len(cs))
	var all sync.WaitGroup
	j.queue.writing <- struct{}{}
	for i, c := range cs {
		all.Go(func() { errs[i] = j.Save(c) })
	}
	for waiting := 0; waiting < len(cs); runtime.Gosched() {
		j.queue.mu.Lock()
		waiting = len(j.queue.waiting)
		j.queue.mu.Unlock()
	}
	<-j.queue.writing
	all.Wait()
	return errs
}

// TestSavesShareATransaction: groups whose evaluations end together are written
// together, each with what receivers are to be told.
func TestSavesShareATransaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := New(Options{Path: path, Receivers: []string{"am"}})
	if err := j.Open(); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	transactions := func() (n int) {
		if err := j.db.View(func(tx *bolt.Tx) error { n = tx.ID(); return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	var cs []alert.Changes
	for g := range 8 {
		cs = append(cs, burst(strconv.Itoa(g), 3))
	}
	before := transactions()
	for i, err := range saveTogether(t, j, cs) {
		if err != nil {
			t.Errorf("group %d: %v", i, err)
		}
	}
	if n := transactions() - before; n != 1 {
		t.Errorf("%d groups took %d transactions", len(cs), n)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Open(); err != nil {
		t.Fatal(err)
	}
	records, _, err := j.Load()
	if err != nil || len(records) != 24 {
		t.Errorf("%d alerts are there, want 24: %v", len(records), err)
	}
	left, err := j.Undelivered()
	if err != nil || len(left["am"]) != 24 {
		t.Errorf("%d incidents are there, want 24: %v", len(left["am"]), err)
	}
}

// TestSavesShareAnError: nobody is told that its changes are durable when the
// transaction failed that another began.
func TestSavesShareAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := New(Options{Path: path, Receivers: []string{"am"}})
	cs := []alert.Changes{burst("a", 1), burst("b", 1), burst("c", 1)}
	for i, err := range saveTogether(t, j, cs) {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("group %d: %v, want %v", i, err, ErrClosed)
		}
	}
	if err := j.Open(); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for i, err := range saveTogether(t, j, cs) {
		if err != nil {
			t.Errorf("group %d: %v", i, err)
		}
	}
}

// TestStormIsNotCopied: a storm that makes a new file grow allocates less than twice
// what the same does again: bbolt copies nothing that it has not written yet.
func TestStormIsNotCopied(t *testing.T) {
	j := New(Options{Path: filepath.Join(t.TempDir(), "journal.db"), Receivers: []string{"am"}})
	if err := j.Open(); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	storm := burst("a", 5000)
	allocated := func() uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := j.Save(storm); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	if first, again := allocated(), allocated(); first > 2*again {
		t.Errorf("%.1f times as much as the same again", float64(first)/float64(again))
	}
}

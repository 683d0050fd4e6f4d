package journal

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tocsin/tocsin/alert"
)

const am3 = "http://am3:9093"

// What is kept for a receiver that is gone is dropped and counted, once somebody has
// read it, and not before.
func TestReceiversThatAreGone(t *testing.T) {
	j := openFor(t, filepath.Join(t.TempDir(), "journal.db"), Options{})
	save(t, j, news(fired("A", 0), fired("B", 0), fired("S", 0)))
	j = crash(t, j, Options{Receivers: []string{am2}})
	j.SetReceivers([]string{am2, am3})
	save(t, j, news(fired("C", 0))) // nobody has read it yet
	for receiver, want := range map[string]int{am1: 3, am2: 4, am3: 1} {
		if got := left(t, j, receiver); len(got) != want {
			t.Errorf("before: %s: %v, want %d", receiver, got, want)
		}
	}
	j.Delivered(am1, receipt("S", 0, alert.ToldFiring)) // settled is not dropped
	j.SetReceivers([]string{am2, am3})
	save(t, j, news(fired("D", 0)))
	if got := testutil.ToFloat64(j.metrics.dropped.WithLabelValues(reasonReceiver)); got != 2 {
		t.Errorf("%v dropped incidents were counted, want 2", got)
	}
	for receiver, want := range map[string]int{am1: 0, am2: 5, am3: 2} {
		if got := left(t, j, receiver); len(got) != want {
			t.Errorf("%s: %v, want %d", receiver, got, want)
		}
	}
	if got := left(t, crash(t, j, Options{}), am1); len(got) != 0 {
		t.Errorf("the receiver that is back has %v", got)
	}
}

// A receiver that is new gets what those who deliver have for it, beside what the
// journal already was told: also what they hear of only after the first Save.
func TestReceiverThatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owed := func(ns ...alert.Notification) (us []alert.Undelivered) {
			for _, n := range ns {
				us = append(us, alert.Undelivered{Notification: n, Count: 1, LastStart: n.StartsAt})
			}
			return us
		}
		var truth atomic.Value
		truth.Store(map[string][]alert.Undelivered{am1: owed(fired("X", 9)), am3: owed(fired("A", 0))})
		ask := func() map[string][]alert.Undelivered { return truth.Load().(map[string][]alert.Undelivered) }
		j := openFor(t, filepath.Join(t.TempDir(), "journal.db"), Options{Undelivered: ask})
		save(t, j, news(fired("A", 0), fired("Late", 0)))
		j.SetReceivers([]string{am1, am2, am3})
		save(t, j, news(fired("B", 1)))
		if diff := cmp.Diff([]string{"A 0", "B 1"}, left(t, j, am3), anyOrder); diff != "" {
			t.Errorf("with the first Save (-want +got):\n%s", diff)
		}
		// Late was saved before the receiver was known, and handed over after.
		truth.Store(map[string][]alert.Undelivered{am3: owed(fired("A", 0), fired("B", 1), fired("Late", 0))})
		time.Sleep(receiptDelay + time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"A 0", "B 1", "Late 0"}, left(t, j, am3), anyOrder); diff != "" {
			t.Errorf("without another Save (-want +got):\n%s", diff)
		}
		truth.Store(map[string][]alert.Undelivered{am3: owed(fired("Y", 9))})
		save(t, j, news(fired("C", 2)))
		if diff := cmp.Diff([]string{"A 0", "B 1", "C 2", "Late 0"}, left(t, j, am3), anyOrder); diff != "" {
			t.Errorf("one that is not new any more (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"A 0", "B 1", "C 2", "Late 0"}, left(t, j, am1), anyOrder); diff != "" {
			t.Errorf("the others are as they were (-want +got):\n%s", diff)
		}
		j.Close()
	})
}

// A receiver that goes and is back before that was written is new: those who deliver
// know nothing of what it was owed before.
func TestReceiverThatIsBackAtOnce(t *testing.T) {
	j := openFor(t, filepath.Join(t.TempDir(), "journal.db"), Options{Undelivered: func() map[string][]alert.Undelivered {
		return map[string][]alert.Undelivered{am1: {{Notification: fired("Goes", 1), Count: 1}}}
	}})
	left(t, j, am1)
	save(t, j, news(fired("Over", 0), fired("Goes", 1)))
	j.SetReceivers([]string{am2})
	j.SetReceivers([]string{am1, am2})
	save(t, j, news(fired("New", 2)))
	for receiver, want := range map[string][]string{am1: {"Goes 1", "New 2"}, am2: {"Over 0", "Goes 1", "New 2"}} {
		if diff := cmp.Diff(want, left(t, j, receiver), anyOrder); diff != "" {
			t.Errorf("%s (-want +got):\n%s", receiver, diff)
		}
	}
	save(t, j, news(fired("Newer", 3)))
	if diff := cmp.Diff([]string{"Goes 1", "New 2", "Newer 3"}, left(t, j, am1), anyOrder); diff != "" {
		t.Errorf("dropped again (-want +got):\n%s", diff)
	}
}

// The same receivers again are no reason to write.
func TestSameReceiversAreNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := openFor(t, filepath.Join(t.TempDir(), "journal.db"), Options{Undelivered: func() map[string][]alert.Undelivered { return nil }})
		left(t, j, am1)
		settle := func() float64 {
			j.SetReceivers([]string{am1, am3})
			time.Sleep(time.Minute)
			synctest.Wait()
			return testutil.ToFloat64(j.metrics.saves)
		}
		first := settle()
		if again := settle(); first == 0 || again != first {
			t.Errorf("%v writes for new receivers, %v with the same again", first, again)
		}
		j.Close()
	})
}

var anyOrder = cmpopts.SortSlices(func(a, b string) bool { return a < b })

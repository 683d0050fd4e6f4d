package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	bolt "go.etcd.io/bbolt"

	"github.com/tocsin/tocsin/alert"
)

const am1, am2 = "http://am1:9093", "http://am2:9093"

func openFor(t *testing.T, path string, opts Options) *Journal {
	t.Helper()
	opts.Path = path
	if opts.Receivers == nil {
		opts.Receivers = []string{am1, am2}
	}
	j := New(opts)
	if err := j.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// crash is what a process finds that comes after one that was killed: the file as
// it is now.
func crash(t *testing.T, j *Journal, opts Options) *Journal {
	t.Helper()
	from, err := os.Open(j.opts.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	path := filepath.Join(t.TempDir(), "journal.db")
	to, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close()); err != nil {
		t.Fatal(err)
	}
	return openFor(t, path, opts)
}

// minute is a time of the tests.
func minute(n int) time.Time { return t0.Add(time.Duration(n) * time.Minute) }

// fired and ended are the news of one incident.
func fired(name string, at int) alert.Notification {
	return alert.Notification{
		Labels: labels.FromStrings("alertname", name), Annotations: labels.FromStrings("summary", "it burns"),
		StartsAt: minute(at), EndsAt: minute(at + 4), GeneratorURL: "http://edge/graph", News: true,
	}
}

func ended(name string, from, to int) alert.Notification {
	n := fired(name, from)
	n.EndsAt, n.Resolved = minute(to), true
	return n
}

func news(ns ...alert.Notification) alert.Changes { return alert.Changes{News: ns} }

// receipt says what a receiver was told of the incident that began at a minute.
func receipt(name string, at int, told alert.Told) []alert.Receipt {
	n := fired(name, at)
	return []alert.Receipt{{Fingerprint: n.Fingerprint(), StartsAt: n.StartsAt, Told: told, Until: minute(100)}}
}

// left is what a receiver has yet to be told, in short.
func left(t *testing.T, j *Journal, receiver string) []string {
	t.Helper()
	all, err := j.Undelivered()
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, u := range all[receiver] {
		s := fmt.Sprintf("%s %v", u.Labels.Get("alertname"), u.StartsAt.Sub(t0).Minutes())
		if u.Resolved {
			s += fmt.Sprintf("-%v", u.EndsAt.Sub(t0).Minutes())
		}
		if u.Unseen {
			s += " unseen"
		}
		if u.Count > 1 {
			s += fmt.Sprintf(" %d times, last at %v", u.Count, u.LastStart.Sub(t0).Minutes())
		}
		if !u.HeldUntil.IsZero() {
			s += " held"
		}
		got = append(got, s)
	}
	return got
}

// TestOutboxMerges tells what stays in the outbox of am1 after news and receipts
// of am1 in their order. The receipts of a step are written with its news.
func TestOutboxMerges(t *testing.T) {
	type step struct {
		receipts []alert.Receipt
		news     []alert.Notification
	}
	tell := func(ns ...alert.Notification) step { return step{news: ns} }
	told := func(name string, at int, what alert.Told) step { return step{receipts: receipt(name, at, what)} }
	for _, tc := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"it fires", []step{tell(fired("A", 0))}, []string{"A 0"}},
		{"it is told", []step{tell(fired("A", 0)), told("A", 0, alert.ToldFiring)}, []string{}},
		{"it ends unseen", []step{tell(fired("A", 0)), tell(ended("A", 0, 2))}, []string{"A 0-2 unseen"}},
		{"it ends seen", []step{tell(fired("A", 0)), told("A", 0, alert.ToldFiring), tell(ended("A", 0, 2))}, []string{"A 0-2"}},
		{"it ends seen, the receipt comes along", []step{tell(fired("A", 0)), {receipt("A", 0, alert.ToldFiring), all(ended("A", 0, 2))}}, []string{"A 0-2"}},
		{"the end is told", []step{tell(ended("A", 0, 2)), told("A", 0, alert.ToldEnded)}, []string{}},
		{"the receipt of the beginning comes after the end", []step{tell(fired("A", 0)), tell(ended("A", 0, 2)), told("A", 0, alert.ToldFiring)}, []string{"A 0-2 unseen"}},
		{"told late", []step{tell(fired("A", 0)), tell(ended("A", 0, 2)), told("A", 0, alert.ToldLate)}, []string{"A 0-2 unseen held"}},
		{"told late, and over", []step{tell(fired("A", 0)), tell(ended("A", 0, 2)), told("A", 0, alert.ToldLate), told("A", 0, alert.ToldNever)}, []string{}},
		{"refused", []step{tell(fired("A", 0)), told("A", 0, alert.ToldNever)}, []string{}},
		{"it flaps unseen", []step{tell(fired("A", 0)), tell(ended("A", 0, 2)), tell(fired("A", 3)), tell(ended("A", 3, 4)), tell(fired("A", 5)), tell(ended("A", 5, 6))},
			[]string{"A 0-6 unseen 3 times, last at 5"}},
		{"unseen, and fires again", []step{tell(fired("A", 0)), tell(ended("A", 0, 2)), tell(fired("A", 3))}, []string{"A 0-2 unseen", "A 3"}},
		{"unseen, then seen", []step{tell(fired("A", 0)), tell(ended("A", 0, 2)), tell(fired("A", 3)), told("A", 3, alert.ToldFiring), tell(ended("A", 3, 4))},
			[]string{"A 0-2 unseen", "A 3-4"}},
		{"unseen while the late report stands", []step{tell(fired("A", 0)), tell(ended("A", 0, 2)), told("A", 0, alert.ToldLate), tell(fired("A", 3)), tell(ended("A", 3, 4))},
			[]string{"A 0-2 unseen held", "A 3-4 unseen"}},
		{"all told late", []step{tell(fired("A", 0)), tell(ended("A", 0, 2)), tell(fired("A", 3)), tell(ended("A", 3, 4)), told("A", 3, alert.ToldLate), told("A", 3, alert.ToldNever)}, []string{}},
		{"a receipt is for what came before it", []step{tell(fired("A", 3)), told("A", 0, alert.ToldNever)}, []string{"A 3"}},
		{"other alerts are others", []step{tell(fired("A", 0), fired("B", 0)), told("B", 0, alert.ToldFiring)}, []string{"A 0"}},
		{"two rules, one alert", []step{tell(fired("A", 0), fired("A", 0)), tell(ended("A", 0, 2), ended("A", 0, 2))}, []string{"A 0-2 unseen"}},
		{"two rules, one alert, told", []step{tell(fired("A", 0), fired("A", 1)), told("A", 1, alert.ToldFiring), tell(ended("A", 0, 2)), told("A", 1, alert.ToldEnded)}, []string{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			j := openFor(t, filepath.Join(t.TempDir(), "journal.db"), Options{})
			for _, s := range tc.steps {
				j.Delivered(am1, s.receipts)
				save(t, j, alert.Changes{News: s.news})
			}
			if diff := cmp.Diff(tc.want, left(t, j, am1)); diff != "" {
				t.Errorf("outbox (-want +got):\n%s", diff)
			}
			if got := left(t, j, am2); len(got) == 0 {
				t.Error("the receipts of one receiver emptied the outbox of another")
			}
			if diff := cmp.Diff(tc.want, left(t, crash(t, j, Options{}), am1)); diff != "" {
				t.Errorf("after a crash (-want +got):\n%s", diff)
			}
		})
	}
}

func all(ns ...alert.Notification) []alert.Notification { return ns }

// What is read back is what was handed over.
func TestUndeliveredIsComplete(t *testing.T) {
	j := openFor(t, filepath.Join(t.TempDir(), "journal.db"), Options{})
	n := ended("A", 0, 2)
	save(t, j, news(fired("A", 0)))
	save(t, j, news(n))
	j.Delivered(am2, receipt("A", 0, alert.ToldLate))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Open(); err != nil {
		t.Fatal(err)
	}
	u := alert.Undelivered{Notification: n, Unseen: true, Count: 1, LastStart: minute(0)}
	held := u
	held.HeldUntil = minute(100)
	got, err := j.Undelivered()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]alert.Undelivered{am1: {u}, am2: {held}}
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Errorf("undelivered (-want +got):\n%s", diff)
	}
}

// A crash finds the alert and what is to be told of it together, or neither.
func TestNewsAndStateAreOneTransaction(t *testing.T) {
	j := openFor(t, filepath.Join(t.TempDir(), "journal.db"), Options{})
	before := crash(t, j, Options{})
	save(t, j, alert.Changes{Upserts: []alert.Record{record1("A", 1)}, News: all(fired("A", 0))})
	after := crash(t, j, Options{})
	if a, b := len(load(t, before)), len(left(t, before, am1)); a != 0 || b != 0 {
		t.Errorf("before the save: %d alerts, %d undelivered", a, b)
	}
	if a, b := len(load(t, after)), len(left(t, after, am1)); a != 1 || b != 1 {
		t.Errorf("after the save: %d alerts, %d undelivered, want 1 and 1", a, b)
	}
	// A transaction that fails leaves neither; the next one makes good for what is
	// to be told.
	bad := record1("B", 1)
	bad.Alert.ActiveAt = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) // JSON has no such year
	if err := j.Save(alert.Changes{Upserts: []alert.Record{bad}, News: all(fired("B", 0))}); err == nil {
		t.Fatal("the save did not fail")
	}
	if got := left(t, crash(t, j, Options{}), am1); len(got) != 1 {
		t.Errorf("after the failed save: %v", got)
	}
	save(t, j, alert.Changes{})
	if diff := cmp.Diff([]string{"A 0", "B 0"}, sorted(left(t, j, am1))); diff != "" {
		t.Errorf("after the next save (-want +got):\n%s", diff)
	}
}

// Receipts need no write of their own at once, and are not lost at the end.
func TestReceiptsAreLazy(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		j := openFor(t, filepath.Join(dir, "journal.db"), Options{})
		save(t, j, news(fired("A", 0), fired("B", 0), fired("C", 0)))
		j.Delivered(am1, receipt("A", 0, alert.ToldFiring))
		// Lost in a crash, it only repeats a message.
		if got := left(t, crash(t, j, Options{}), am1); len(got) != 3 {
			t.Errorf("at once: %v", got)
		}
		time.Sleep(receiptDelay + time.Second)
		synctest.Wait()
		if got := left(t, crash(t, j, Options{}), am1); len(got) != 2 {
			t.Errorf("after the delay: %v", got)
		}
		j.Delivered(am1, receipt("B", 0, alert.ToldFiring))
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = openFor(t, j.opts.Path, Options{})
		if diff := cmp.Diff([]string{"C 0"}, left(t, j, am1)); diff != "" {
			t.Errorf("after Close (-want +got):\n%s", diff)
		}
		j.Close()
	})
}

func TestOutboxIsBounded(t *testing.T) {
	j := openFor(t, filepath.Join(t.TempDir(), "journal.db"), Options{Capacity: 20})
	for i := range 50 {
		save(t, j, news(fired(fmt.Sprint("A", i), i)))
		if got := left(t, j, am1); len(got) > 20 {
			t.Fatalf("%d incidents are kept", len(got))
		}
	}
	kept := left(t, j, am1)
	if got := testutil.ToFloat64(j.metrics.dropped.WithLabelValues(reasonOverflow)); got != float64(2*(50-len(kept))) {
		t.Errorf("%v dropped incidents were counted, %d are kept of 50 by each of two", got, len(kept))
	}
	for i := 49; i > 49-len(kept); i-- {
		if want := fmt.Sprintf("A%d %d", i, i); !slices.Contains(kept, want) {
			t.Errorf("%s is not among the newest: %v", want, kept)
		}
	}
	var many []alert.Notification
	for i := range 100 {
		many = append(many, fired(fmt.Sprint("B", i), 100+i))
	}
	save(t, j, news(many...))
	if got := left(t, j, am1); len(got) > 20 {
		t.Errorf("after a storm %d incidents are kept", len(got))
	}
}

// What the file has missed it gets from those who deliver.
func TestOutboxIsWrittenAnew(t *testing.T) {
	truth := map[string][]alert.Undelivered{am1: {{Notification: fired("T", 7), Count: 1, LastStart: minute(7)}}}
	opts := Options{Undelivered: func() map[string][]alert.Undelivered { return truth }}
	path := filepath.Join(t.TempDir(), "journal.db")
	j := openFor(t, path, opts)
	save(t, j, news(fired("A", 0)))
	if diff := cmp.Diff([]string{"A 0"}, left(t, j, am1)); diff != "" {
		t.Errorf("an ordinary save (-want +got):\n%s", diff)
	}
	save(t, j, alert.Changes{Replace: true, News: all(fired("B", 8))})
	if diff := cmp.Diff([]string{"B 8", "T 7"}, sorted(left(t, j, am1))); diff != "" {
		t.Errorf("replaced (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"B 8"}, left(t, j, am2)); diff != "" {
		t.Errorf("replaced, nothing undelivered (-want +got):\n%s", diff)
	}
	// Saves while it was closed.
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Save(news(fired("C", 9))); !errors.Is(err, ErrClosed) {
		t.Fatalf("save: %v", err)
	}
	if err := j.Open(); err != nil {
		t.Fatal(err)
	}
	save(t, j, alert.Changes{})
	if diff := cmp.Diff([]string{"T 7"}, left(t, j, am1)); diff != "" {
		t.Errorf("after saves while closed (-want +got):\n%s", diff)
	}
	// More receipts than anyone should let wait.
	save(t, j, news(fired("D", 9)))
	for range maxBacklog/1000 + 1 {
		j.Delivered(am2, make([]alert.Receipt, 1000))
	}
	save(t, j, alert.Changes{})
	if diff := cmp.Diff([]string{"T 7"}, left(t, j, am1)); diff != "" {
		t.Errorf("after too many receipts (-want +got):\n%s", diff)
	}
}

// A file that is opened anew, after it could not be written, has missed changes.
func TestReopenedOutboxIsWrittenAnew(t *testing.T) {
	truth := map[string][]alert.Undelivered{am1: {{Notification: fired("T", 7), Count: 1, LastStart: minute(7)}}}
	j := openFor(t, filepath.Join(t.TempDir(), "journal.db"), Options{
		Undelivered: func() map[string][]alert.Undelivered { return truth },
	})
	load(t, j) // so that the alerts of the file are known, and kept
	save(t, j, news(fired("A", 0)))
	if err := j.Reopen(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"T 7"}, left(t, j, am1)); diff != "" {
		t.Errorf("reopened (-want +got):\n%s", diff)
	}
}

// A file of before there were outboxes is one with nothing in them.
func TestFileWithoutOutboxes(t *testing.T) {
	j := openFor(t, filepath.Join(t.TempDir(), "journal.db"), Options{})
	save(t, j, alert.Changes{Upserts: []alert.Record{record1("A", 1)}, News: all(fired("A", 0))})
	if err := j.db.Update(func(tx *bolt.Tx) error { return tx.DeleteBucket(outboxBucket) }); err != nil {
		t.Fatal(err)
	}
	j = crash(t, j, Options{})
	if got := left(t, j, am1); len(got) != 0 || len(load(t, j)) != 1 {
		t.Errorf("undelivered: %v, %d alerts", got, len(load(t, j)))
	}
	save(t, j, news(fired("B", 0)))
	if diff := cmp.Diff([]string{"B 0"}, left(t, j, am1)); diff != "" {
		t.Errorf("after news (-want +got):\n%s", diff)
	}
}

func TestUnreadableEntryCostsNoOther(t *testing.T) {
	j := openFor(t, filepath.Join(t.TempDir(), "journal.db"), Options{})
	save(t, j, news(fired("A", 0)))
	key := outboxKey(alert.Fingerprint(fired("B", 0).Labels.Hash()), minute(0))
	if err := j.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(outboxBucket).Bucket([]byte(am1)).Put(key, []byte("{"))
	}); err != nil {
		t.Fatal(err)
	}
	if got := left(t, j, am1); len(got) != 1 {
		t.Errorf("undelivered: %v", got)
	}
	if got := testutil.ToFloat64(j.metrics.unreadable); got != 1 {
		t.Errorf("%v unreadable entries were counted, want 1", got)
	}
	save(t, j, news(ended("B", 0, 2)))
	if got := left(t, j, am1); len(got) != 2 {
		t.Errorf("undelivered after news of it: %v", got)
	}
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

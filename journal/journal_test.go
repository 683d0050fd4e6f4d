package journal

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	bolt "go.etcd.io/bbolt"

	"github.com/tocsin/tocsin/alert"
)

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 123456789, time.UTC)

func open(t *testing.T, path string) *Journal {
	t.Helper()
	j := New(Options{Path: path})
	if err := j.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func record1(name string, value float64) alert.Record {
	return alert.Record{
		Rule: alert.RuleID{File: "/r/a.yml", Group: "g", Name: name, Labels: `{severity="page"}`, Index: 1},
		Alert: alert.Alert{
			State: alert.Firing, Labels: labels.FromStrings("alertname", name, "x", "y"),
			Annotations: labels.FromStrings("summary", "it burns"), Value: value,
			ActiveAt: t0, FiredAt: t0.Add(time.Minute), KeepFiringSince: t0.Add(2 * time.Minute),
			HeldSince: t0.Add(3 * time.Minute), LastSentAt: t0.Add(4 * time.Minute), ValidUntil: t0.Add(5 * time.Minute),
		},
	}
}

func save(t *testing.T, j *Journal, c alert.Changes) {
	t.Helper()
	if err := j.Save(c); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, j *Journal) map[string]alert.Record {
	t.Helper()
	rs, _, err := j.Load()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]alert.Record{}
	for _, r := range rs {
		got[r.Rule.Name] = r
	}
	return got
}

var equal = cmp.Comparer(func(a, b labels.Labels) bool { return labels.Equal(a, b) })

func TestRecordsSurvive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path)
	a, b := record1("A", 1.5), record1("B", math.Inf(1))
	save(t, j, alert.Changes{At: t0, Upserts: []alert.Record{a, b, record1("C", 0)}})
	a.Alert.Value, a.Alert.State, a.Alert.ResolvedAt = -0.1, alert.Inactive, t0.Add(time.Hour)
	c := record1("C", 0)
	save(t, j, alert.Changes{
		At: t0.Add(time.Hour), Upserts: []alert.Record{a},
		Deletes: []alert.Key{{Rule: c.Rule, Fingerprint: c.Alert.Fingerprint()}},
	})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, path)
	if diff := cmp.Diff(map[string]alert.Record{"A": a, "B": b}, load(t, j), equal); diff != "" {
		t.Errorf("records after reopening (-want +got):\n%s", diff)
	}
	if _, at, err := j.Load(); err != nil || !at.Equal(t0.Add(time.Hour)) {
		t.Errorf("saved at %v, %v; want %v", at, err, t0.Add(time.Hour))
	}
}

func TestAlive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path)
	expect := func(when string, want time.Time) {
		t.Helper()
		if _, at, err := j.Load(); err != nil || !at.Equal(want) {
			t.Errorf("%s: saved at %v, %v; want %v", when, at, err, want)
		}
	}
	if err := j.Alive(t0, 0); err != nil {
		t.Fatal(err)
	}
	expect("without a save", time.Time{})
	save(t, j, alert.Changes{At: t0.Truncate(time.Millisecond)})
	if err := j.Alive(t0.Truncate(time.Millisecond).Add(time.Minute), 0); err != nil {
		t.Fatal(err)
	}
	expect("alive after the save", t0.Truncate(time.Millisecond).Add(time.Minute))
	save(t, j, alert.Changes{At: t0.Add(time.Hour)})
	expect("saved later", t0.Add(time.Hour))
	if err := j.Alive(t0.Truncate(time.Millisecond).Add(2*time.Hour), 0); err != nil {
		t.Fatal(err)
	}
	expect("alive later", t0.Truncate(time.Millisecond).Add(2*time.Hour))
	save(t, j, alert.Changes{At: t0})
	expect("saved when the clock had stepped back", t0)
	if err := os.WriteFile(path+".alive", []byte("torn"), 0o644); err != nil {
		t.Fatal(err)
	}
	expect("torn", t0)
	if err := New(Options{Path: path}).Alive(t0, 0); !errors.Is(err, ErrClosed) {
		t.Errorf("alive of a closed journal: %v, want %v", err, ErrClosed)
	}
}

// TestAliveIsSparing counts the marks: none where the file tells it already.
func TestAliveIsSparing(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"))
	marks := 0
	lastAlive := func() []byte {
		b, err := os.ReadFile(j.alivePath())
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return b
	}
	alive := func(at time.Time) {
		t.Helper()
		before := lastAlive()
		if err := j.Alive(at, 5*time.Minute); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(lastAlive(), before) {
			marks++
		}
	}
	at := t0.Truncate(time.Second)
	save(t, j, alert.Changes{At: at})
	for until := at.Add(time.Hour); at.Before(until); {
		at = at.Add(15 * time.Second)
		alive(at)
	}
	if marks != 12 {
		t.Errorf("%d marks in an hour, want 12", marks)
	}
	marks = 0
	for range 60 {
		at = at.Add(time.Minute)
		save(t, j, alert.Changes{At: at})
		alive(at.Add(15 * time.Second))
	}
	if marks != 0 {
		t.Errorf("%d marks after saves", marks)
	}
	alive(at.Add(-90 * time.Minute))
	if marks != 1 {
		t.Error("no mark after the clock stepped back")
	}
}

func TestNaNSurvives(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"))
	save(t, j, alert.Changes{Upserts: []alert.Record{record1("A", math.NaN())}})
	if got := load(t, j)["A"].Alert.Value; !math.IsNaN(got) {
		t.Errorf("value = %v, want NaN", got)
	}
}

func TestDamagedFileIsSetAside(t *testing.T) {
	for _, tc := range []struct {
		name   string
		damage func(path string) error
	}{
		{"garbage", func(p string) error { return os.WriteFile(p, []byte("this was a journal, once upon a time"), 0o644) }},
		{"cut", func(p string) error { return os.Truncate(p, 5000) }},
		{"zeroed", func(p string) error { return os.WriteFile(p, make([]byte, 32<<10), 0o644) }},
		{"pages zeroed", func(p string) error {
			f, err := os.OpenFile(p, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt(make([]byte, 100<<10), 8192)
			return errors.Join(err, f.Close())
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.db")
			j := open(t, path)
			for i := range 100 {
				save(t, j, alert.Changes{Upserts: []alert.Record{record1(string(rune('a'+i)), 1)}})
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if err := tc.damage(path); err != nil {
				t.Fatal(err)
			}
			j = open(t, path)
			if j.Damage() == "" || testutil.ToFloat64(j.metrics.setAside) != 1 {
				t.Error("the damage was not reported")
			}
			if found, err := filepath.Glob(path + ".damaged-*"); err != nil || len(found) != 1 {
				t.Errorf("set aside: %v, %v; want one file", found, err)
			}
			save(t, j, alert.Changes{Upserts: []alert.Record{record1("A", 1)}})
			if got := load(t, j); len(got) != 1 {
				t.Errorf("the new journal has %d records, want 1", len(got))
			}
		})
	}
}

func TestUnreadableRecordCostsNoOther(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"))
	save(t, j, alert.Changes{Upserts: []alert.Record{record1("A", 1)}})
	err := j.db.Update(func(tx *bolt.Tx) error {
		return errors.Join(
			tx.Bucket(alertsBucket).Put([]byte("0"), []byte("{")),
			tx.Bucket(alertsBucket).Put([]byte("1"), []byte(`{"state":"dreaming","value":"1"}`)))
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := load(t, j); len(got) != 1 {
		t.Errorf("%d records were read, want the good one", len(got))
	}
	if got := testutil.ToFloat64(j.metrics.unreadable); got != 2 {
		t.Errorf("%v unreadable records were counted, want 2", got)
	}
}

func TestClosed(t *testing.T) {
	j := New(Options{Path: filepath.Join(t.TempDir(), "journal.db")})
	if err := j.Save(alert.Changes{}); !errors.Is(err, ErrClosed) {
		t.Errorf("save: %v, want %v", err, ErrClosed)
	}
	if _, _, err := j.Load(); !errors.Is(err, ErrClosed) {
		t.Errorf("load: %v, want %v", err, ErrClosed)
	}
	if err := j.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := New(Options{Path: "/proc/nowhere/journal.db"}).Open(); err == nil {
		t.Error("open in a directory that is not there succeeded")
	}
}

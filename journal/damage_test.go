package journal

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	bolt "go.etcd.io/bbolt"

	"github.com/tocsin/tocsin/alert"
)

// usedJournal is a file that has seen some work, with free pages and full ones.
func usedJournal(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	j := openFor(t, path, Options{Receivers: []string{"am"}})
	name := func(i int) string { return fmt.Sprint("r", i, strings.Repeat("x", 100)) }
	for i := range 60 {
		save(t, j, alert.Changes{At: t0, Upserts: []alert.Record{record1(name(i), 1)}, News: news(fired(fmt.Sprint("n", i), i)).News})
	}
	c := alert.Changes{At: t0}
	for i := range 30 {
		r := record1(name(i), 1)
		c.Deletes = append(c.Deletes, alert.Key{Rule: r.Rule, Fingerprint: r.Alert.Fingerprint()})
	}
	save(t, j, c)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDamagedPages damages one page after the other: what is met at open or by a
// write never ends the process, and after Reopen the journal works.
func TestDamagedPages(t *testing.T) {
	const pageSize = 4096
	good := usedJournal(t)
	rnd := rand.New(rand.NewSource(1))
	met := 0
	for page := 2; page < len(good)/pageSize; page++ {
		at := good[page*pageSize:][:pageSize]
		other := good[(2+rnd.Intn(len(good)/pageSize-2))*pageSize:][:pageSize]
		for what, bad := range map[string][]byte{
			"a version of before": other,
			"zeros":               make([]byte, pageSize),
			"cut":                 nil,
			"a far first key":     flipped(at, 27, 0x40),
			"a far first value":   flipped(at, 31, 0x40),
			"a bit":               flipped(at, rnd.Intn(64), 1<<rnd.Intn(8)),
		} {
			b := bytes.Clone(good)
			if copy(b[page*pageSize:], bad) == 0 {
				b = b[:page*pageSize]
			}
			if !works(t, b, fmt.Sprintf("page %d is %s", page, what)) {
				met++
			}
		}
	}
	if met == 0 {
		t.Error("no damage was met")
	}
}

func flipped(page []byte, at int, bits byte) []byte {
	b := bytes.Clone(page)
	b[at] ^= bits
	return b
}

// works writes to a damaged file, again after Reopen if need be, and tells whether
// nothing was found.
func works(t *testing.T, file []byte, what string) (sound bool) {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "journal.db")
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	j := New(Options{Path: path, Receivers: []string{"am"}})
	defer j.Close()
	_ = j.Open() // Damage says so
	_, _, _ = j.Load()
	_, _ = j.Undelivered()
	last := alert.Changes{At: t0, Upserts: []alert.Record{record1("New", 1)}}
	// Damage may be met as late as by a write that uses what those before it freed.
	writes := []alert.Changes{{At: t0, Upserts: last.Upserts, News: news(fired("New", 1)).News}, {At: t0, Replace: true}}
	for range 8 {
		writes = append(writes, last)
	}
	for _, c := range writes {
		if err := j.Save(c); err == nil {
			continue
		}
		if j.IsOpen() || j.Damage() == "" {
			t.Errorf("%s: not saved, and nothing is wrong", what)
		}
		if err := j.Reopen(); err != nil {
			t.Errorf("%s: reopen: %v", what, err)
		}
	}
	save(t, j, last)
	if _, ok := load(t, j)["New"]; !ok {
		t.Errorf("%s: what was saved is not there", what)
	}
	aside, _ := filepath.Glob(path + ".damaged-*") // the pattern is good
	if counted := testutil.ToFloat64(j.metrics.setAside); counted > 0 != (len(aside) > 0) {
		t.Errorf("%s: %v files counted, %d there", what, counted, len(aside))
	}
	return len(aside) == 0
}

// TestFileCutUnderJournal cuts an open file, as a repair of the file system does.
func TestFileCutUnderJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := os.WriteFile(path, usedJournal(t), 0o644); err != nil {
		t.Fatal(err)
	}
	j := openFor(t, path, Options{Receivers: []string{"am"}})
	if got := len(load(t, j)); got != 30 {
		t.Fatalf("%d records, want 30", got)
	}
	if err := os.Truncate(path, 8192); err != nil {
		t.Fatal(err)
	}
	c := alert.Changes{At: t0, Upserts: []alert.Record{record1("New", 1)}}
	if err := j.Save(c); err == nil || j.IsOpen() {
		t.Fatalf("save: %v, open %t", err, j.IsOpen())
	}
	if err := j.Reopen(); err != nil {
		t.Fatal(err)
	}
	save(t, j, c)
	if got := len(load(t, j)); got != 1 {
		t.Errorf("%d records, want 1", got)
	}
}

// TestReaderIsNoDamage: somebody reads the file as it is opened, to check it or to
// copy it. It is read too, and written once the other has gone.
func TestReaderIsNoDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path)
	save(t, j, alert.Changes{At: t0, Upserts: []alert.Record{record1("Fires", 1)}})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(path, 0o644, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	j = open(t, path)
	if got := len(load(t, j)); got != 1 || j.IsOpen() {
		t.Errorf("%d records, want 1; can be written: %t", got, j.IsOpen())
	}
	if err := j.Reopen(); err == nil {
		t.Error("reopened while somebody has the file")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Reopen(); err != nil {
		t.Fatal(err)
	}
	if got := len(load(t, j)); got != 1 || !j.IsOpen() || j.Damage() != "" {
		t.Errorf("%d records, want 1; damage %q", got, j.Damage())
	}
}

// TestUnreadJournalIsSetAside: the directory is not there at the start. What is in
// the file that comes with it later is told of, and not lost.
func TestUnreadJournalIsSetAside(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "journal.db")
	opts := Options{Path: path, Receivers: []string{"am"}, Undelivered: func() map[string][]alert.Undelivered { return nil }}
	j := openFor(t, path, Options{Receivers: []string{"am"}})
	save(t, j, alert.Changes{At: t0, Upserts: []alert.Record{record1("Fires", 1)}, News: news(ended("Over", 0, 5)).News})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	j = New(opts)
	defer j.Close()
	if err := j.Open(); err == nil {
		t.Fatal("opened without a directory")
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what this process wrote is its own
		if err := j.Reopen(); err != nil {
			t.Fatal(err)
		}
		save(t, j, alert.Changes{At: t0, Upserts: []alert.Record{record1("New", 1)}})
	}
	aside, _ := filepath.Glob(path + ".unread-*") // the pattern is good
	if len(aside) != 1 || testutil.ToFloat64(j.metrics.setAside) != 1 || !strings.Contains(j.Damage(), "1 undelivered") {
		t.Fatalf("set aside: %v; damage %q", aside, j.Damage())
	}
	old := openFor(t, aside[0], Options{Receivers: []string{"am"}})
	left, err := old.Undelivered()
	if err != nil || len(left["am"]) != 1 || len(load(t, old)) != 1 {
		t.Errorf("set aside are %v and %v: %v", load(t, old), left, err)
	}
}

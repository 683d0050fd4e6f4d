package faults

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/journal"
	"github.com/tocsin/tocsin/storage"
)

var cuts = flag.Int("cuts", 150, "at how many random moments the power is cut, beside after each sync")

// outage is one power cut: what is left of the files, and what had been promised.
type outage struct {
	t     *testing.T
	op    int // ops before it
	what  string
	mark  int // the last mark before it
	marks []int
	dir   string // what is left
}

// cutAll cuts the power after each sync, when nothing survives that was not
// synced, and at random moments, when any part of it may.
func cutAll(t *testing.T, trace []op, check func(*outage)) {
	t.Helper()
	r := random(t, 7)
	tried := 0
	try := func(p *powercut, what string, l loss) {
		t.Helper()
		o := &outage{t: t, op: p.done, what: what, dir: tempDir(t)}
		for _, op := range trace[:p.done] {
			if op.kind == opMark {
				o.mark, o.marks = op.mark, append(o.marks, op.mark)
			}
		}
		if err := p.cut(l).save(o.dir); err != nil {
			t.Fatal(err)
		}
		check(o)
		if err := os.RemoveAll(o.dir); err != nil {
			t.Fatal(err)
		}
		tried++
		if t.Failed() {
			t.FailNow()
		}
	}
	p := newPowercut(append([]op(nil), trace...))
	for n, o := range trace {
		if p.follow(n + 1); o.kind == opSync || o.kind == opMark {
			try(p, "strict", loss{})
		}
	}
	at := make([]int, *cuts)
	for i := range at {
		at[i] = r.IntN(len(trace) + 1)
	}
	for _, n := range at {
		p := newPowercut(append([]op(nil), trace...))
		p.follow(n)
		try(p, "strict", loss{})
		tear := int64(sector)
		if r.IntN(2) == 0 {
			tear = pageSize
		}
		try(p, "torn", loss{rand: rand.New(rand.NewPCG(r.Uint64(), 0)), keep: []float64{0.1, 0.5, 0.9}[r.IntN(3)], tear: tear})
	}
	t.Logf("%d ops, %d power cuts", len(trace), tried)
}

// tempDir is in memory where there is such a place: nothing here is to outlive
// anything.
func tempDir(t *testing.T) string {
	t.Helper()
	parent := "/dev/shm"
	if _, err := os.Stat(parent); err != nil {
		parent = scratch
	}
	dir, err := os.MkdirTemp(parent, "tocsin-faults-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (o *outage) fatal(format string, args ...any) {
	o.t.Helper()
	o.t.Fatalf("power cut (%s) after op %d, last mark %d: "+format, append([]any{o.what, o.op, o.mark}, args...)...)
}

// TestJournalOutlivesPowerCuts: what Save returned is there after it, whole, and
// of a Save under way all or nothing.
func TestJournalOutlivesPowerCuts(t *testing.T) {
	t.Run("new", func(t *testing.T) { testJournal(t, newDisk()) })
	t.Run("damaged before", func(t *testing.T) {
		d := newDisk()
		d.do(op{kind: opMake, dir: 0, name: dataDir, ino: 1, directory: true})
		d.do(op{kind: opMake, dir: 1, name: journalFile, ino: 2})
		d.do(op{kind: opWrite, ino: 2, data: []byte("this was a journal, once upon a time")})
		for ino := range 3 {
			d.do(op{kind: opSync, ino: ino})
		}
		testJournal(t, d)
	})
}

func testJournal(t *testing.T, d *disk) {
	before := len(d.trace)
	states := savedStates()
	cutAll(t, runWork(t, "journal", d), func(o *outage) {
		if o.op < before {
			return // that is the world before
		}
		records := o.load()
		got := map[string]alert.Alert{}
		for _, r := range records {
			got[r.Alert.Labels.Get("n")] = r.Alert
		}
		equal := cmp.Comparer(func(a, b labels.Labels) bool { return labels.Equal(a, b) })
		want := states[o.mark]
		if next := states[min(o.mark+1, saves)]; cmp.Equal(next, got, equal) {
			return // the Save that was under way
		}
		if diff := cmp.Diff(want, got, equal); diff != "" {
			o.fatal("alerts (-saved +loaded):\n%s", diff)
		}
	})
}

// load reads the journal that is left.
func (o *outage) load() []alert.Record {
	o.t.Helper()
	path := filepath.Join(o.dir, dataDir, journalFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		o.fatal("%v", err)
	}
	j := journal.New(journal.Options{Path: path})
	if err := j.Open(); err != nil {
		o.fatal("open: %v", err)
	}
	records, _, err := j.Load()
	if err != nil {
		o.fatal("load: %v", err)
	}
	if o.mark > 0 && j.Damage() != "" {
		o.fatal("%s", j.Damage())
	}
	if err := j.Close(); err != nil {
		o.fatal("close: %v", err)
	}
	return records
}

// savedStates are the alerts after each Save of the workload.
func savedStates() []map[string]alert.Alert {
	r := rand.New(rand.NewPCG(*seed, 1))
	states := []map[string]alert.Alert{{}}
	for n := 1; n <= saves; n++ {
		c := changes(r, n)
		next := map[string]alert.Alert{}
		deleted := map[alert.Fingerprint]bool{}
		for _, k := range c.Deletes {
			deleted[k.Fingerprint] = true
		}
		for k, a := range states[n-1] {
			if !c.Replace && !deleted[a.Fingerprint()] {
				next[k] = a
			}
		}
		for _, u := range c.Upserts {
			next[u.Alert.Labels.Get("n")] = u.Alert
		}
		states = append(states, next)
	}
	return states
}

// TestStoreOutlivesPowerCuts: the store opens whatever is left, has no sample that
// was never written, and all of those that a compaction had put into blocks.
func TestStoreOutlivesPowerCuts(t *testing.T) {
	most := 0
	cutAll(t, runWork(t, "store", newDisk()), func(o *outage) {
		s := storage.New(storage.Options{Dir: filepath.Join(o.dir, dataDir)})
		if err := s.Open(); err != nil {
			o.fatal("open: %v", err)
		}
		got, err := readStore(s)
		if err != nil {
			o.fatal("read: %v", err)
		}
		committed, sealed := 0, 0
		for _, m := range o.marks {
			if m >= compacted {
				sealed = m - compacted
			} else {
				committed = m
			}
		}
		for k, v := range got {
			if v != sampleValue(k[0], k[1]) || k[1] > committed+1 {
				o.fatal("series %d has %v in commit %d", k[0], v, k[1])
			}
		}
		lost := 0
		for n := 1; n <= committed; n++ {
			for i := range perTx {
				if _, ok := got[[2]int{i, n}]; !ok {
					if n <= sealed {
						o.fatal("series %d has lost its sample of commit %d, which was compacted", i, n)
					}
					lost++
				}
			}
		}
		most = max(most, lost)
		if err := s.Close(t.Context()); err != nil {
			o.fatal("close: %v", err)
		}
	})
	t.Logf("the most that was lost: %d samples of %d", most, commits*perTx)
}

package engine

import (
	"errors"
	"fmt"
	"os"
	"testing/synctest"
	"time"

	promstorage "github.com/prometheus/prometheus/storage"
)

// happens is what becomes of processes, clocks and stores, before some scrapes.
func (p *pair) happens() {
	what := ""
	switch n := p.IntN(60); {
	case p.away:
		if n < 10 {
			what = p.comeBack()
		}
	case n == 0:
		p.content = p.rules()
		p.both(func(w *twin) { w.load(p.content) })
		what = "a reload"
	case n == 1:
		p.gap()
		p.restart(func(w *twin) {})
		what = "a restart of the engine alone"
	case n == 2:
		p.gap()
		p.restart(func(w *twin) { w.close(); w.open() })
		what = "a restart"
	case n == 3:
		p.gap()
		p.restart((*twin).crash)
		what = "a crash"
	case n == 4:
		p.gap()
		p.both(func(w *twin) { w.Suspend() })
		what = "a pause"
	case n == 5:
		p.both((*twin).compact)
		what = "a compaction"
	case n == 6:
		back := time.Duration(1+p.IntN(600)) * time.Second
		p.at, p.stepped = p.at.Add(-back), p.stepped-back
		p.both(func(w *twin) { w.cutOver(p.at) })
		what = "a clock set back"
	case n == 7:
		kept := time.Duration(1+p.IntN(20)) * time.Minute
		p.both(func(w *twin) { w.exchange(p.at, kept) })
		what = "another store"
	case n == 8:
		p.at = p.at.Add(time.Duration(1+p.IntN(20)) * time.Minute)
		what = "a gap"
	case n == 9:
		p.at = p.at.Add(3 * time.Hour)
		p.both(func(w *twin) { w.Suspend() })
		what = "a long pause"
	case n == 10:
		p.away = true
		p.gap()
		p.restart((*twin).loseDisk)
		what = "a restart without the disk"
	case n == 11:
		done, samples := p.IntN(2) == 0, p.scrape(true)
		p.both(func(w *twin) { w.failCommit(done, samples) })
		what = "a failed commit"
	}
	if what != "" {
		p.history = append(p.history, fmt.Sprintf("%s at %s", what, p.at.Sub(t0)))
	}
}

// gap is time in which there is no process.
func (p *pair) gap() { p.at = p.at.Add(time.Duration(p.IntN(1200)) * time.Second) }

// restart ends both processes, has something happen, and begins the next.
func (p *pair) restart(between func(*twin)) {
	p.t.Helper()
	p.count()
	p.stepped = 0
	p.both(func(w *twin) {
		between(w)
		w.begin(p.content, p.at)
	})
}

// comeBack gives the disk back. The stores return to it by themselves.
func (p *pair) comeBack() string {
	p.t.Helper()
	p.away = false
	p.both((*twin).findDisk)
	time.Sleep(time.Minute)
	synctest.Wait()
	p.both(func(w *twin) {
		if w.store.Degraded() {
			p.t.Fatal("the store is not back on the disk")
		}
	})
	return "the disk is back"
}

// loseDisk ends the process where the next one finds no disk.
func (w *twin) loseDisk() {
	w.t.Helper()
	w.close()
	if err := errors.Join(os.Rename(w.dir, w.dir+".away"), os.WriteFile(w.dir, nil, 0o644)); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

func (w *twin) findDisk() {
	w.t.Helper()
	if err := errors.Join(os.Remove(w.dir), os.Rename(w.dir+".away", w.dir)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *twin) compact() {
	w.t.Helper()
	if err := w.store.Compact(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *twin) cutOver(at time.Time) {
	w.t.Helper()
	if err := w.store.CutOver(at); err != nil {
		w.t.Fatal(err)
	}
}

// failCommit is a transaction of which storage does not say what became of it.
func (w *twin) failCommit(done bool, samples []sample) {
	w.t.Helper()
	w.failing = func(app promstorage.AppenderV2) error {
		if done {
			return errors.Join(app.Commit(), errFault)
		}
		return errors.Join(app.Rollback(), errFault)
	}
	app := w.feed.AppenderV2(w.t.Context())
	w.failing = nil
	w.append(app, samples)
	if err := app.Commit(); !errors.Is(err, errFault) {
		w.t.Fatalf("commit: %v", err)
	}
}

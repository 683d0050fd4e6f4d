package faults

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/journal"
)

// Bounds of what the oracle takes for granted, all on the safe side: nothing
// depends on how fast the machine is.
const (
	// behind is how many scrapes the evaluation may be behind the scraping, or
	// how many of a killed process's last scrapes the next one may act on.
	behind = 5
	// rounding is of timestamps, which a scrape may bear up to 1 % of the
	// interval early.
	rounding = 2 * time.Millisecond
)

// oracle knows what there was to see, and judges what the process made of it.
type oracle struct {
	t       *testing.T
	disk    bool
	target  *target
	am      *receiver
	journal string

	index  map[string]int // of a series by key
	lives  []lifetime
	before map[string]alert.Alert // the journal after the kill before
	debts  map[string]debt
	judged int // scrapes that there were at the kill before
	heard  int // what the receiver was told by then
	views  map[string]*view
	counts struct{ incidents, ends, reports int }
}

// lifetime is that of one process.
type lifetime struct {
	began, killed time.Time
	first, last   int // numbers of its scrapes; first > last if it had none
	plan          string
}

func newOracle(t *testing.T, disk bool, tg *target, am *receiver, journal string) *oracle {
	o := &oracle{
		t: t, disk: disk, target: tg, am: am, journal: journal,
		index: map[string]int{}, before: map[string]alert.Alert{}, debts: map[string]debt{}, views: map[string]*view{},
	}
	for i, s := range tg.series {
		o.index[s.key()] = i
		o.views[s.key()] = &view{}
	}
	return o
}

func (o *oracle) begin(at time.Time) {
	o.lives = append(o.lives, lifetime{began: at, first: len(o.target.scrapes()) + 1})
}

// plan says how the life ended.
func (o *oracle) plan(name string) { o.lives[len(o.lives)-1].plan = name }

func (o *oracle) life() *lifetime { return &o.lives[len(o.lives)-1] }

// fail says what is wrong with one alert, and what there was to see.
func (o *oracle) fail(key, format string, args ...any) {
	o.t.Helper()
	o.t.Errorf("life %d, killed at %q, alert %s: %s\njournal before: %s\nscrapes: %s", len(o.lives), o.life().plan, key,
		fmt.Sprintf(format, args...), show(o.before[key]), o.history(key))
}

// history are the last scrapes as one alert saw them: + is on, - is off, x is
// failed, ? is lost, | is a kill.
func (o *oracle) history(key string) string {
	ss := o.target.scrapes()
	from := max(0, len(ss)-80)
	out := fmt.Sprintf("from %d on: ", from+1)
	for i, s := range ss[from:] {
		if i > 0 && s.life != ss[from+i-1].life {
			out += fmt.Sprintf("|%s ", s.at.Sub(ss[from+i-1].at).Round(time.Millisecond))
		}
		switch {
		case s.failed:
			out += "x"
		case s.lost:
			out += "?"
		case s.on[o.index[key]]:
			out += "+"
		default:
			out += "-"
		}
	}
	return out
}

func show(a alert.Alert) string {
	if a.Labels.IsEmpty() {
		return "nothing"
	}
	return fmt.Sprintf("%s, value %v, active %s, fired %s, resolved %s, kept since %s, held since %s", a.State, a.Value,
		clock(a.ActiveAt), clock(a.FiredAt), clock(a.ResolvedAt), clock(a.KeepFiringSince), clock(a.HeldSince))
}

// evidence tells whether a scrape after one and up to another showed a series on,
// or off.
func (o *oracle) evidence(key string, after, upTo int, on bool) bool {
	ss := o.target.scrapes()
	for n := max(after+1, 1); n <= min(upTo, len(ss)); n++ {
		if s := ss[n-1]; !s.failed && s.on[o.index[key]] == on {
			return true
		}
	}
	return false
}

// inspect judges the state after a kill.
func (o *oracle) inspect() {
	o.t.Helper()
	ss := o.target.scrapes()
	life := o.life()
	life.killed, life.last = time.Now(), len(ss)
	now := o.read()
	for _, s := range o.target.series {
		key := s.key()
		was, is := o.before[key], now[key]
		o.judgeChange(s, was, is)
		o.judgeClock(s, was, is)
		o.judgeProgress(s, is)
	}
	o.judgeReports(now)
	o.before, o.judged = now, len(ss)
}

// read reads a copy of the journal, so that it is tocsin that repairs what there
// is to repair.
func (o *oracle) read() map[string]alert.Alert {
	o.t.Helper()
	text, err := os.ReadFile(o.journal)
	if errors.Is(err, fs.ErrNotExist) && len(o.before) == 0 {
		return nil // it was killed before it had one
	}
	if err != nil {
		o.t.Fatal(err)
	}
	path := filepath.Join(o.t.TempDir(), "journal.db")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		o.t.Fatal(err)
	}
	j := journal.New(journal.Options{Path: path})
	if err := j.Open(); err != nil {
		o.t.Fatal(err)
	}
	defer j.Close()
	if j.Damage() != "" && len(text) > 0 {
		o.t.Errorf("life %d, killed at %q: %s", len(o.lives), o.life().plan, j.Damage())
	}
	records, _, err := j.Load()
	if err != nil {
		o.t.Fatal(err)
	}
	got := map[string]alert.Alert{}
	for _, r := range records {
		key := r.Alert.Labels.Get("alertname") + "/" + r.Alert.Labels.Get("n")
		if _, twice := got[key]; twice {
			o.fail(key, "it is in the journal twice")
		}
		a := r.Alert
		a.FiredAt = a.FiredAt.Truncate(time.Millisecond) // as receivers are told
		got[key] = a
	}
	return got
}

// settle waits, without a kill, until everything fires or nothing does.
func (o *oracle) settle(on bool) {
	o.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		last := map[string]told{}
		for _, p := range o.am.all() {
			last[p.key] = p
		}
		missing, stuck := "", []string(nil)
		for _, s := range o.target.series {
			p, known := last[s.key()]
			over := p.resolved || p.late
			if known && (on && over || !on && !over && !p.again) || !known && on {
				missing += fmt.Sprintf("%s: %s\n", s.key(), p)
				stuck = append(stuck, s.key())
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			state := o.read()
			for _, key := range stuck {
				missing += fmt.Sprintf("journal of %s: %s, sent %s\nscrapes: %s\n", key, show(state[key]), clock(state[key].LastSentAt), o.history(key))
			}
			for _, p := range o.am.all()[max(0, len(o.am.all())-20):] {
				missing += fmt.Sprintf("told at %s: %s: %s\n", clock(p.at), p.key, p)
			}
			o.t.Fatalf("with all series on=%t, after %s the receiver still has\n%s", on, patience, missing)
		}
	}
}

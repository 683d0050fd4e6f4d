package engine

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/alert"
)

// fault is what becomes of one call to the outside.
type fault struct {
	call string // query, append, commit, journal or notify
	how  outcome
}

type outcome string

const (
	fails      outcome = "fails"
	doneFailed outcome = "done but reported failed"
	hangs      outcome = "hangs"
	// The process ends before or after the call, and another begins.
	endsBefore outcome = "the process ends before"
	endsAfter  outcome = "the process ends after"
)

// calls are how many calls a fault meets: one, and as many as may be before a
// receiver gives up what it is not told again. There is about one commit to an
// evaluation, and each that fails is an evaluation without recorded data.
func (f fault) calls() []int {
	switch {
	case f.how == hangs:
		return []int{1, 2}
	case f.how == endsBefore || f.how == endsAfter:
		return []int{1, 3}
	case f.call == "commit":
		return []int{1, 6}
	}
	return []int{1, 12}
}

var faultTable = []fault{
	{"query", fails}, {"query", hangs},
	{"append", fails}, {"append", hangs}, {"append", endsBefore},
	{"commit", fails}, {"commit", doneFailed}, {"commit", hangs}, {"commit", endsBefore}, {"commit", endsAfter},
	{"journal", fails}, {"journal", doneFailed}, {"journal", hangs}, {"journal", endsBefore}, {"journal", endsAfter},
	{"notify", hangs}, {"notify", endsBefore}, {"notify", endsAfter},
}

var errFault = errors.New("injected fault")

// hangTime is how long a call that cannot be cut off hangs: ticks pass meanwhile.
const hangTime = 20 * time.Second

// processEnd unwinds an engine whose process has ended.
type processEnd struct{}

// faultyWorld is what an engine calls, some of which fails for a while, and what
// outlives the engine: its data, its journal, and an Alertmanager.
type faultyWorld struct {
	t    *testing.T
	now  fault
	left int // calls that the fault still meets
	met  int // and has met

	bench   *workbench
	engine  *Engine
	records map[alert.Key]alert.Record
	savedAt time.Time
	newest  time.Time // sample: the last process was alive then
	am      alertmanager
}

// do makes one call, or what the fault makes of it. A storage call that hangs is
// done in the end.
func (w *faultyWorld) do(call string, f func() error) error {
	if w.now.call != call || w.left == 0 {
		return f()
	}
	w.left--
	w.met++
	switch w.now.how {
	case fails:
		return errFault
	case doneFailed:
		return errors.Join(f(), errFault)
	case hangs:
		time.Sleep(hangTime)
		return f()
	case endsBefore:
		panic(processEnd{})
	case endsAfter:
		_ = f()
		panic(processEnd{})
	}
	panic("no such outcome: " + w.now.how)
}

func (w *faultyWorld) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := w.bench.db.Querier(mint, maxt)
	return faultyQuerier{q, w}, err
}

type faultyQuerier struct {
	storage.Querier
	w *faultyWorld
}

// Select hangs until the query is cut off, as a disk does that does not answer.
func (q faultyQuerier) Select(ctx context.Context, sorted bool, h *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	if w := q.w; w.now.call == "query" && w.left > 0 {
		w.left--
		w.met++
		if w.now.how == hangs {
			<-ctx.Done()
		}
		return storage.ErrSeriesSet(errFault)
	}
	return q.Querier.Select(ctx, sorted, h, ms...)
}

func (w *faultyWorld) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return faultyAppender{w.bench.db.AppenderV2(ctx), w}
}

type faultyAppender struct {
	storage.AppenderV2
	w *faultyWorld
}

func (a faultyAppender) Append(ref storage.SeriesRef, ls labels.Labels, st, at int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, o storage.AOptions) (storage.SeriesRef, error) {
	a.ends("append")
	err := a.w.do("append", func() (err error) {
		ref, err = a.AppenderV2.Append(ref, ls, st, at, v, h, fh, o)
		return err
	})
	return ref, err
}

// ends takes back what a process that ends has appended.
func (a faultyAppender) ends(call string) {
	if w := a.w; w.now.call == call && w.left > 0 && w.now.how == endsBefore {
		_ = a.AppenderV2.Rollback()
	}
}

func (a faultyAppender) Commit() error {
	a.ends("commit")
	err := a.w.do("commit", a.AppenderV2.Commit)
	if errors.Is(err, errFault) && a.w.now.how == fails {
		return errors.Join(err, a.AppenderV2.Rollback())
	}
	return err
}

// save is the journal, and send the way to the Alertmanager.
func (w *faultyWorld) save(c alert.Changes) error {
	return w.do("journal", func() error {
		for _, k := range c.Deletes {
			delete(w.records, k)
		}
		for _, r := range c.Upserts {
			w.records[alert.Key{Rule: r.Rule, Fingerprint: r.Alert.Fingerprint()}] = r
		}
		w.savedAt = c.At
		return nil
	})
}

func (w *faultyWorld) send(ns []alert.Notification) {
	_ = w.do("notify", func() error { // Notify has no error to give
		w.am.receive(time.Now(), ns)
		return nil
	})
}

const faultResend = 20 * time.Second

// begin starts a process over what the one before left.
func (w *faultyWorld) begin() {
	w.engine = New(Options{
		Queryable: w, Appendable: w, Journal: w.save, Notify: w.send,
		Interval: step15, ResendDelay: faultResend,
	})
	if len(w.records) > 0 {
		rs := slices.SortedFunc(maps.Values(w.records), func(a, b alert.Record) int {
			return cmp.Or(cmp.Compare(a.Rule.Name, b.Rule.Name), labels.Compare(a.Alert.Labels, b.Alert.Labels))
		})
		w.engine.Restore(rs, later(w.savedAt, w.newest), time.Now())
	}
	(&workbench{t: w.t, db: w.bench.db, Engine: w.engine}).load(faultRules)
}

const faultRules = `
groups:
  - name: g
    rules:
      - {alert: Now, expr: x > 0}
      - {alert: For, expr: x > 0, for: 30s}
      - {alert: Kept, expr: x > 0, keep_firing_for: 30s}
      - {record: r, expr: x}
      - {alert: Recorded, expr: r > 0}
`

// The data is on and off for long enough that one fault, however it delays what
// is to be said, leaves time to say it.
const (
	faultPhase = 8 // evaluations
	faultTicks = 5 * faultPhase
)

func faultOn(i int) bool { return i/faultPhase%2 == 1 }

// alertmanager merges what it is told and tells people of it.
type alertmanager struct {
	start  time.Time
	active map[string]alert.Notification
	told   map[string][]telling // by alert
}

// telling is one notification to people, so long after the data began.
type telling struct {
	what  string
	after time.Duration
}

func (am *alertmanager) tell(key, what string, at time.Time) {
	am.told[key] = append(am.told[key], telling{what, at.Sub(am.start)})
}

func (am *alertmanager) receive(now time.Time, ns []alert.Notification) {
	am.expire(now)
	for _, n := range ns {
		key := n.Labels.String()
		was, there := am.active[key]
		switch {
		case !n.Resolved && !there:
			am.tell(key, "firing", now)
		case !n.Resolved && !n.StartsAt.Equal(was.StartsAt):
			am.tell(key, "starts anew", now)
		case n.Resolved && there:
			am.tell(key, "resolved", now)
		}
		if n.Resolved {
			delete(am.active, key)
		} else {
			am.active[key] = n
		}
	}
}

// expire ends what nobody refreshes. People cannot tell that from an end: if it is
// none, they are told that it fires once more.
func (am *alertmanager) expire(now time.Time) {
	for key, n := range am.active {
		if !n.EndsAt.After(now) {
			am.tell(key, "resolved", now)
			delete(am.active, key)
		}
	}
}

// play runs the data past an engine that meets a fault from one tick on, for so
// many calls. The process may end after that, by no fault of a call: what a fault
// broke is whole again by then, in the journal too.
func play(t *testing.T, b *workbench, f fault, from, calls int, ends bool) *faultyWorld {
	t.Helper()
	w := &faultyWorld{
		t: t, bench: b, records: map[alert.Key]alert.Record{},
		am: alertmanager{active: map[string]alert.Notification{}, told: map[string][]telling{}},
	}
	time.Sleep(time.Hour) // nothing of the run before is seen
	time.Sleep(time.Until(time.Now().Truncate(step15).Add(step15)))
	start := time.Now()
	w.am.start = start
	w.begin()
	healthy := 0
	for i := range faultTicks {
		at := start.Add(time.Duration(i) * step15)
		missed := at.Before(time.Now()) // a call hangs: the newest tick waits, the others are gone
		time.Sleep(time.Until(at))
		value := 0
		if faultOn(i) {
			value = 1
		}
		b.put(at, fmt.Sprintf(`x{k="1"} %d`, value), fmt.Sprintf(`x{k="2"} %d`, value))
		w.newest = at
		if i == from {
			w.now, w.left = f, calls
		}
		if ends && w.left == 0 && i > from {
			if healthy++; healthy == 3 {
				w.begin()
			}
		}
		if missed {
			continue
		}
		w.am.expire(at)
		w.step(at)
	}
	return w
}

// step is one tick, in a process that may end in it, as may the next when it begins.
func (w *faultyWorld) step(at time.Time) {
	if w.survives(func() { w.engine.Step(w.t.Context(), Tick{At: at, Up: true}) }) {
		return
	}
	for !w.survives(w.begin) {
	}
}

func (w *faultyWorld) survives(f func()) (alive bool) {
	defer func() {
		if p := recover(); p != nil && p != (processEnd{}) {
			panic(p)
		}
	}()
	f()
	return true
}

var faultStep = flag.Int("faultstep", 6, "a fault begins at every so manieth tick")

// TestEngineFaults breaks each call to the outside in each way, at each tick, once
// and several times. Whatever breaks, people are told what they would have been
// told without it, never sooner, and soon enough.
func TestEngineFaults(t *testing.T) {
	for i, f := range faultTable {
		t.Run(f.call+" "+string(f.how), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, nil)
				want := play(t, b, fault{}, 0, 0, false).am.told
				if len(want) != 8 {
					t.Fatalf("without faults people are told of %d alerts, want 8: %v", len(want), want)
				}
				met := 0
				for from := i % *faultStep; from < faultTicks-faultPhase/2; from += *faultStep {
					for _, calls := range f.calls() {
						w := play(t, b, f, from, calls, calls == 1)
						met += w.met
						if diff := gocmp.Diff(want, forgive(want, w.am.told), gocmp.AllowUnexported(telling{})); diff != "" {
							t.Fatalf("%d calls from tick %d: people are told (-without faults +with):\n%s", calls, from, diff)
						}
					}
				}
				if met == 0 {
					t.Error("the fault met no call")
				}
			})
		})
	}
}

// forgive takes from what people are told with faults the delays that may be: no
// longer than three quarters of a phase, which are the longest fault with the time
// until what was lost is told again.
func forgive(want, got map[string][]telling) map[string][]telling {
	out := map[string][]telling{}
	for key, ts := range got {
		for i, x := range ts {
			if i < len(want[key]) {
				late := x.after - want[key][i].after
				if late >= 0 && late <= faultPhase*step15*3/4 {
					x.after = want[key][i].after
				}
			}
			out[key] = append(out[key], x)
		}
	}
	return out
}

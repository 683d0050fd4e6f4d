package engine

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// targetGaps is how many gaps of one target are remembered: where there are more, the
// oldest become one.
const targetGaps = 16

// roster is what is known of the targets beside that of the ticks. It may be used by
// any goroutine, and keeps nobody waiting for longer than it takes to look through it.
type roster struct {
	mu      sync.Mutex
	targets map[string]*target // guarded by mu
	// places are those that came last, by job and instance. Guarded by mu.
	places map[[2]string]*target
	// scraped are the jobs of which a target has been scraped since the last Begin.
	// Guarded by mu.
	scraped map[string]bool
	past    bygone // guarded by mu
	// list are those that may keep something from an evaluation; nil where it is to be
	// made anew.
	list atomic.Pointer[[]*suspect]
	// heard counts the troubles that have ended.
	heard atomic.Uint64
	// due is when the first target will be late, newest the time of the newest scrape,
	// in milliseconds.
	due, newest atomic.Int64
	// horizon is how far back a gap matters to any rule, in nanoseconds.
	horizon atomic.Int64
}

// target is one of the roster, guarded by its mu.
type target struct {
	suspect
	coverage coverage
	view     *suspect // as evaluations have it; nil where it is to be made anew
	// barren: it has never answered, nor anything like it: that it fails takes nothing away.
	barren bool
	place  [2]string
}

func newRoster() *roster {
	r := &roster{targets: map[string]*target{}, places: map[[2]string]*target{}, scraped: map[string]bool{}}
	r.due.Store(math.MaxInt64)
	r.newest.Store(math.MinInt64)
	r.list.Store(&[]*suspect{})
	return r
}

// begin begins a session: it is not known of any job whether it is there.
func (r *roster) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.scraped)
}

// reach takes over how far back the rules read.
func (r *roster) reach(groups []*group) {
	most := time.Duration(0)
	for _, g := range groups {
		for _, a := range g.alerting() {
			most = max(most, a.origin.window+g.offset)
		}
	}
	r.mu.Lock() // who makes the list meanwhile goes by the horizon before
	defer r.mu.Unlock()
	r.horizon.Store(int64(most + 2*lookbackDelta)) // and evaluations may be late
	r.list.Store(nil)
}

// hear notes what became of a target, watched being how long the engine has looked.
func (r *roster) hear(s Source, watched time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.targets[s.Target]
	if s.Gone {
		if t != nil {
			delete(r.targets, s.Target)
			if r.places[t.place] == t {
				delete(r.places, t.place)
			}
			r.changed(t)
		}
		return
	}
	if t == nil {
		t = &target{place: placeOf(s.Labels)}
		t.Source = s
		was, awaited := r.places[t.place], r.awaited(s)
		r.targets[s.Target] = t
		if t.place[0] != "" && t.place[1] != "" {
			r.places[t.place] = t
		}
		if s.Waiting && !awaited {
			t.Waiting, t.barren = false, was == nil
			return // it is new, and nothing can be missed of it
		}
		t.coverage, t.forgotten = r.past.take(s.Labels, t.Waiting), t.Waiting && r.past.lost
	}
	suspicious := t.trouble != fine || len(t.coverage.gaps) > 0
	t.Source = s
	switch {
	case t.barren && !s.Up:
		t.Waiting = false
	case s.Waiting:
		delete(r.scraped, s.Job) // nobody looks at it any more
		if t.trouble != unseen {
			t.begin(unseen, s.At, watched)
		}
	case s.Up:
		r.scraped[s.Job] = true
		t.barren = false
		t.answered(r)
		r.expect(t)
	default:
		r.scraped[s.Job] = true
		t.failed(watched)
	}
	if suspicious || t.trouble != fine || len(t.coverage.gaps) > 0 {
		r.changed(t)
	}
}

// awaited tells whether a new target may have been there before: nobody has looked at
// its job since the start, or one is awaited that stands for it, or one in trouble was
// the same by other labels.
func (r *roster) awaited(s Source) bool {
	if !r.scraped[s.Job] {
		return true
	}
	if was := r.places[placeOf(s.Labels)]; was != nil && was.trouble != fine {
		return true
	}
	for _, t := range r.targets {
		if t.trouble == unseen && t.Waiting && t.Job == s.Job && standsFor(t.Labels, s.Labels) {
			return true
		}
	}
	return false
}

// standsFor tells whether labels are fewer than others, and the same.
func standsFor(few, many labels.Labels) bool {
	if few.Len() >= many.Len() {
		return false
	}
	return bears(many, few)
}

func (r *roster) changed(t *target) {
	t.view = nil
	r.list.Store(nil)
}

// expect notes when the next scrape of a target that answers must have come.
func (r *roster) expect(t *target) {
	at, late := t.coverage.last.UnixMilli(), t.late().UnixMilli()
	r.due.Store(min(r.due.Load(), late))
	r.newest.Store(max(r.newest.Load(), at))
}

// look finds, before an evaluation at ts, the targets of which nothing has been heard
// for too long, and forgets gaps that are no matter any more.
func (r *roster) look(ts time.Time, watched time.Duration) {
	ms := ts.UnixMilli()
	if newest := r.newest.Load(); ms < r.due.Load() && (newest == math.MinInt64 || ms >= newest-lookbackDelta.Milliseconds()) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.due.Store(math.MaxInt64)
	r.newest.Store(math.MinInt64)
	for _, t := range r.targets {
		last := t.coverage.last
		if t.trouble != fine || last.IsZero() || t.Waiting {
			continue
		}
		if ts.After(t.late()) || last.Sub(ts) > lookbackDelta { // or the clock has gone back
			t.begin(unseen, last.Add(t.Interval), watched)
			r.changed(t)
			continue
		}
		r.expect(t)
	}
	if l := r.list.Load(); l != nil && len(*l) > 0 {
		r.list.Store(nil)
	}
}

// suspects are those that may keep something from an evaluation. What it gives does
// not change.
func (r *roster) suspects() []*suspect {
	if l := r.list.Load(); l != nil {
		return *l
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	list := []*suspect{}
	horizon := time.UnixMilli(r.newest.Load()).Add(-time.Duration(r.horizon.Load()))
	for _, t := range r.targets {
		gaps := t.coverage.gaps
		if t.trouble == fine && (len(gaps) == 0 || gaps[len(gaps)-1].to.Before(horizon)) {
			continue
		}
		if t.view == nil {
			view := t.suspect
			view.gaps, t.view = gaps, &view
		}
		list = append(list, t.view)
	}
	r.list.Store(&list)
	return list
}

// begin begins a trouble.
func (t *target) begin(what trouble, since time.Time, watched time.Duration) {
	t.trouble, t.since, t.unproven = what, since, what == unseen
	t.begun = watched
}

// late is when the next scrape must have come: one that takes as long as it may is
// told of two intervals after the one before.
func (t *target) late() time.Time { return t.coverage.last.Add(2*t.Interval + t.Interval/2) }

// answered notes a good scrape.
func (t *target) answered(r *roster) {
	if t.trouble == fine {
		t.coverage = t.coverage.seen(t.At, t.Interval).within(targetGaps)
		return
	}
	t.coverage = t.coverage.back(t.since, t.At, t.Interval, t.trouble == unseen).within(targetGaps)
	t.was, t.trouble, t.forgotten = t.trouble, fine, false
	t.cleared = r.heard.Add(1)
}

// failed notes a failed scrape, which is not in storage yet. Of one that was unseen,
// not even that it fails can be seen until the next.
func (t *target) failed(watched time.Duration) {
	switch {
	case t.trouble == fine:
		t.begin(failed, t.At, watched)
	case t.unproven:
		t.unproven = false
	default:
		t.trouble = failed
	}
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

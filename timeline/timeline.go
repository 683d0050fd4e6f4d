// Package timeline makes one time, which never runs back, out of the clocks of a
// machine whose wall clock jumps: an edge host without a battery for its clock,
// one that sleeps, one that NTP sets hours after the boot.
//
// Samples, evaluations and alert state bear this time. It goes at the pace of the
// monotonic clock and keeps to the wall clock. What it cannot follow at once it
// tells: a step, by which all state is to be moved; a sleep, in which nobody
// looked; and a rewind, which leaves what is stored in a future that never was.
//
// Everything here is a function of the readings that are passed in.
package timeline

import (
	"math"
	"sync"
	"time"
)

const (
	// Tolerance is how far the wall clock may go from the monotonic one between two
	// readings before that is a step. Less is slewed: a step moves every alert, and
	// a clock that is disciplined gently is no reason to.
	Tolerance = 2 * time.Second
	// MaxAhead is how far the timeline may be ahead of the wall clock, and wait for
	// it by going slower. Beyond it goes back: minutes cost nothing but a wrong
	// display, hours would.
	MaxAhead = 10 * time.Minute
	// slew is how much slower or faster than the monotonic clock it goes meanwhile:
	// one part in slew. Rates are wrong by as much.
	slew = 50
	// sleepTolerance is what the boot-time clock may go ahead of the monotonic one
	// without a sleep: they are read one after the other.
	sleepTolerance = time.Second
	// lifetime is for how long after it was built a program may be in use: a stored
	// time beyond that is none.
	lifetime = 50 * 365 * 24 * time.Hour
)

// Reading is all clocks at one moment.
type Reading struct {
	// Wall is what the machine takes for the time.
	Wall time.Time
	// Mono and Boot count from some moment in the past and are never set. Mono
	// stands still while the machine sleeps, Boot does not.
	Mono, Boot time.Duration
}

// Now is a moment of the timeline, with all that came between it and others.
type Now struct {
	At time.Time
	// Stepped is by how much the timeline has jumped since its start, all steps
	// together, backward ones negative. Who keeps times moves them by the
	// difference between two moments.
	Stepped time.Duration
	// Slept is for how long the machine has slept since its start.
	Slept time.Duration
	// Jump is by how much the wall clock was set since the reading before; 0 if by
	// no more than Tolerance. The timeline may follow slowly, or not at all.
	Jump time.Duration
	// Rewound: with this moment the timeline went back. What bears a later time is
	// to be set aside before anything new is stored.
	Rewound bool
	// Untrusted: the wall clock reads a time before this program existed. The
	// timeline goes on without it.
	Untrusted bool
}

// Timeline may be used by any goroutine once Start has been called.
type Timeline struct {
	// floor is a time that is surely past.
	floor time.Time

	mu    sync.Mutex
	last  Reading       // guarded by mu
	now   Now           // guarded by mu, of the last Advance
	ahead time.Duration // guarded by mu: of the wall clock
}

// New makes a timeline for a program that was built at floor: no clock that reads
// an earlier time is right.
func New(floor time.Time) *Timeline { return &Timeline{floor: floor} }

// Start sets the timeline going. newest is the latest time that anything stored
// bears; zero if there is nothing. The timeline begins at the wall clock, or, where
// that is behind newest by no more than it can wait for or cannot be right, at
// newest. A wall clock that is plausible and further behind means that what is
// stored is wrong: Rewound.
func (t *Timeline) Start(newest time.Time, r Reading) Now {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Wall = r.Wall.Round(0)
	t.last = r
	t.now = Now{At: r.Wall, Untrusted: r.Wall.Before(t.floor)}
	if newest.After(t.floor.Add(lifetime)) {
		newest = time.Time{}
	}
	behind := newest.Sub(r.Wall)
	switch {
	case t.now.Untrusted:
		t.now.At = later(newest, t.floor)
	case newest.IsZero() || behind < 0:
	case behind <= MaxAhead:
		t.now.At = newest
	default:
		t.now.Rewound = true
	}
	t.ahead = t.now.At.Sub(r.Wall)
	first := t.now
	t.now.Rewound = false
	return first
}

// Advance takes a reading of the clocks and tells the time. Its result is later
// than all before, unless it says that it Rewound.
func (t *Timeline) Advance(r Reading) Now {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := t.after(&r)
	t.last, t.ahead = r, next.At.Sub(r.Wall)
	t.now = next
	t.now.Rewound = false
	return next
}

// Peek tells what Advance would, and changes nothing: who has no samples to stamp
// sees by it that the clock has jumped since the last of them.
func (t *Timeline) Peek(r Reading) Now {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.after(&r)
}

// after is the moment of a reading. Called with mu held.
func (t *Timeline) after(r *Reading) Now {
	r.Wall = r.Wall.Round(0)
	awake := max(0, r.Mono-t.last.Mono)
	slept := r.Boot - t.last.Boot - awake
	if slept < sleepTolerance {
		slept = 0
	}
	next := t.now
	if next.Jump = r.Wall.Sub(t.last.Wall) - awake - slept; next.Jump.Abs() <= Tolerance {
		next.Jump = 0
	}
	next.Slept += slept
	expected := t.now.At.Add(awake + slept)
	off := r.Wall.Sub(expected) // negative: the timeline is ahead
	next.Untrusted = r.Wall.Before(t.floor)
	switch {
	case next.Untrusted:
		next.At = expected
	case off > Tolerance:
		next.At = r.Wall
		next.Stepped = sum(next.Stepped, off)
	case off < -MaxAhead:
		next.At = r.Wall
		next.Stepped = sum(next.Stepped, off)
		next.Rewound = true
	default:
		most := awake / slew
		next.At = expected.Add(min(max(off, -most), most))
	}
	return next
}

// Ahead is how far the timeline was ahead of the wall clock at the last Advance.
// Who talks to machines with clocks of their own takes it off.
func (t *Timeline) Ahead() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ahead
}

// Started tells whether Start has been called.
func (t *Timeline) Started() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.now.At.IsZero()
}

// sum adds without running over: a clock can read any year.
func sum(a, b time.Duration) time.Duration {
	switch c := a + b; {
	case a > 0 && b > 0 && c < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && c > 0:
		return math.MinInt64
	default:
		return c
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

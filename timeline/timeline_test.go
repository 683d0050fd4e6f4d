package timeline

import (
	"fmt"
	"testing"
	"time"
)

var (
	t0    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	built = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
)

const interval = 15 * time.Second

// machine is the clocks of a machine, to be set and put to sleep.
type machine struct{ r Reading }

func newMachine(wall time.Time) *machine {
	return &machine{Reading{Wall: wall, Mono: time.Hour, Boot: 2 * time.Hour}}
}

func (m *machine) run(d time.Duration) Reading {
	m.r = Reading{m.r.Wall.Add(d), m.r.Mono + d, m.r.Boot + d}
	return m.r
}

func (m *machine) set(step time.Duration) { m.r.Wall = m.r.Wall.Add(step) }

func (m *machine) sleep(d time.Duration) {
	m.r.Wall, m.r.Boot = m.r.Wall.Add(d), m.r.Boot+d
}

// TestSteps: a running timeline goes forward by one interval with each reading,
// and what it jumps beyond that it tells.
func TestSteps(t *testing.T) {
	for _, tc := range []struct {
		step    time.Duration
		stepped time.Duration
		rewound bool
		ahead   time.Duration // of the wall clock at the first reading after it
	}{
		{step: 0},
		{step: 10 * time.Millisecond, ahead: -10 * time.Millisecond},
		{step: -10 * time.Millisecond, ahead: 10 * time.Millisecond},
		{step: -time.Second, ahead: time.Second},
		{step: 30 * time.Second, stepped: 30 * time.Second},
		{step: 5 * time.Minute, stepped: 5 * time.Minute},
		{step: 6 * time.Hour, stepped: 6 * time.Hour},
		{step: 365 * 24 * time.Hour, stepped: 365 * 24 * time.Hour},
		{step: -30 * time.Second, ahead: 30 * time.Second},
		{step: -5 * time.Minute, ahead: 5 * time.Minute},
		{step: -6 * time.Hour, stepped: -6 * time.Hour, rewound: true},
		{step: -20 * 24 * time.Hour, stepped: -20 * 24 * time.Hour, rewound: true},
	} {
		t.Run(tc.step.String(), func(t *testing.T) {
			m, tl := newMachine(t0), New(built)
			tl.Start(time.Time{}, m.r)
			before := tl.Advance(m.run(interval))
			m.set(tc.step)
			got := tl.Advance(m.run(interval))
			if got.Stepped-before.Stepped != tc.stepped || got.Rewound != tc.rewound {
				t.Errorf("stepped %v, rewound %v; want %v, %v", got.Stepped, got.Rewound, tc.stepped, tc.rewound)
			}
			slewed := interval / slew
			if want := jump(tc.step); got.Jump != want {
				t.Errorf("jump %v, want %v", got.Jump, want)
			}
			if off := tl.Ahead() - tc.ahead; off.Abs() > slewed {
				t.Errorf("ahead of the wall clock by %v, want %v within %v", tl.Ahead(), tc.ahead, slewed)
			}
			if passed := got.At.Sub(before.At) - tc.stepped; (passed - interval).Abs() > slewed {
				t.Errorf("%v passed beside the step, want %v", passed, interval)
			}
			next := tl.Advance(m.run(interval))
			if next.Rewound || next.Jump != 0 || next.Stepped != got.Stepped || !next.At.After(got.At) {
				t.Errorf("the reading after: %+v after %+v", next, got)
			}
		})
	}
}

func jump(step time.Duration) time.Duration {
	if step.Abs() <= Tolerance {
		return 0
	}
	return step
}

// TestSlewEnds: a timeline that is ahead of the wall clock comes back to it, and
// never stands still or goes back meanwhile.
func TestSlewEnds(t *testing.T) {
	m, tl := newMachine(t0), New(built)
	tl.Start(time.Time{}, m.r)
	m.set(-MaxAhead + time.Second)
	last := tl.Advance(m.r).At
	for i := 0; tl.Ahead() > 0; i++ {
		if i > int(slew*MaxAhead/interval)+1 {
			t.Fatalf("still %v ahead", tl.Ahead())
		}
		now := tl.Advance(m.run(interval))
		if !now.At.After(last) || now.Stepped != 0 {
			t.Fatalf("%+v after %v", now, last)
		}
		last = now.At
	}
}

func TestSleepIsNoStep(t *testing.T) {
	m, tl := newMachine(t0), New(built)
	tl.Start(time.Time{}, m.r)
	m.sleep(8 * time.Hour)
	got := tl.Advance(m.run(interval))
	want := Now{At: t0.Add(8*time.Hour + interval), Slept: 8 * time.Hour}
	if got != want {
		t.Errorf("after a sleep: %+v, want %+v", got, want)
	}
	m.sleep(8 * time.Hour)
	m.set(time.Hour) // set while it slept
	got = tl.Advance(m.run(interval))
	if got.Slept != 16*time.Hour || got.Stepped != time.Hour || got.Jump != time.Hour {
		t.Errorf("after a sleep with a step: %+v", got)
	}
}

func TestStart(t *testing.T) {
	for _, tc := range []struct {
		name         string
		wall, newest time.Time
		want         Now
	}{
		{"nothing stored", t0, time.Time{}, Now{At: t0}},
		{"as usual", t0, t0.Add(-time.Hour), Now{At: t0}},
		{"a little behind", t0, t0.Add(5 * time.Minute), Now{At: t0.Add(5 * time.Minute)}},
		{"hours behind", t0, t0.Add(6 * time.Hour), Now{At: t0, Rewound: true}},
		{"a year behind", t0, t0.AddDate(1, 0, 0), Now{At: t0, Rewound: true}},
		{"a time that cannot be", t0, time.UnixMilli(1 << 62), Now{At: t0}},
		{"1970", time.Unix(5, 0), t0, Now{At: t0, Untrusted: true}},
		{"1970 and nothing stored", time.Unix(5, 0), time.Time{}, Now{At: built, Untrusted: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tl := New(built)
			if got := tl.Start(tc.newest, newMachine(tc.wall).r); got != tc.want {
				t.Errorf("Start = %+v, want %+v", got, tc.want)
			}
		})
	}
}

// TestBootIn1970: without a clock the timeline goes on from what is stored, and
// jumps to the right time when that comes.
func TestBootIn1970(t *testing.T) {
	for _, late := range []time.Duration{time.Minute, 48 * time.Hour, -48 * time.Hour} {
		t.Run(fmt.Sprint(late), func(t *testing.T) {
			m, tl := newMachine(time.Unix(5, 0)), New(built)
			tl.Start(t0, m.r)
			got := tl.Advance(m.run(interval))
			if want := (Now{At: t0.Add(interval), Untrusted: true}); got != want {
				t.Errorf("before the clock is set: %+v, want %+v", got, want)
			}
			m.r.Wall = t0.Add(interval + late)
			got = tl.Advance(m.run(interval))
			want := Now{At: t0.Add(2*interval + late), Stepped: late, Rewound: late < 0, Jump: got.Jump}
			if got != want {
				t.Errorf("once it is set: %+v, want %+v", got, want)
			}
		})
	}
}

// TestClockLostWhileRunning: a clock that falls to 1970 moves nothing.
func TestClockLostWhileRunning(t *testing.T) {
	m, tl := newMachine(t0), New(built)
	tl.Start(time.Time{}, m.r)
	m.r.Wall = time.Unix(0, 0)
	got := tl.Advance(m.run(interval))
	if want := (Now{At: t0.Add(interval), Untrusted: true, Jump: got.Jump}); got != want || got.Jump > -time.Hour {
		t.Errorf("%+v, want %+v", got, want)
	}
	m.r.Wall = t0.Add(interval)
	got = tl.Advance(m.run(interval))
	if want := (Now{At: t0.Add(2 * interval), Jump: got.Jump}); got != want || got.Jump < time.Hour {
		t.Errorf("%+v when it is back, want %+v", got, want)
	}
}

func TestRead(t *testing.T) {
	a := Read()
	b := Read()
	if a.Mono <= 0 || b.Mono < a.Mono || b.Boot < a.Boot || a.Boot < a.Mono || a.Wall.IsZero() {
		t.Errorf("readings %+v, %+v", a, b)
	}
}

// TestYearsFromNow: steps of centuries, forward only, are not a step back in all.
func TestYearsFromNow(t *testing.T) {
	m, tl := newMachine(t0), New(built)
	tl.Start(time.Time{}, m.r)
	for range 3 {
		before := tl.Peek(m.r)
		m.r.Wall = m.r.Wall.AddDate(200, 0, 0)
		if got := tl.Advance(m.run(interval)); got.Stepped < before.Stepped {
			t.Errorf("stepped %v after %v", got.Stepped, before.Stepped)
		}
	}
}

// TestPeekIsAdvance: what Peek tells is what Advance will.
func TestPeekIsAdvance(t *testing.T) {
	m, tl := newMachine(t0), New(built)
	tl.Start(t0.Add(5*time.Minute), m.r)
	for _, step := range []time.Duration{0, time.Hour, -2 * time.Hour} {
		m.set(step)
		peeked := tl.Peek(m.run(interval))
		if got := tl.Advance(m.r); got != peeked {
			t.Errorf("step %v: Advance %+v, Peek %+v", step, got, peeked)
		}
	}
}

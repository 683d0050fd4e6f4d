package main

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/scrape"
	"github.com/tocsin/tocsin/timeline"
	"github.com/tocsin/tocsin/web"
)

// clock is the timeline of this process, and what it does to the other stages.
type clock struct {
	line *timeline.Timeline
	read func() timeline.Reading
	log  *slog.Logger
	// cutOver sets aside what is stored of later times; whoever has the storage
	// fills it in.
	cutOver func(at time.Time) error
	last    atomic.Pointer[timeline.Now] // of the last scrape that began

	steps          prometheus.Counter
	stepped, size  prometheus.Gauge
	ahead, trusted prometheus.Gauge
}

func newClock(log *slog.Logger, reg prometheus.Registerer) *clock {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	c := &clock{
		line: timeline.New(builtAt()), read: timeline.Read, log: log.With("component", "clock"),
		steps: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tocsin_clock_steps_total",
			Help: "Steps of the wall clock against the monotonic clock.",
		}),
		stepped: gauge("tocsin_clock_last_step_timestamp_seconds", "When the wall clock last stepped, by the time that samples bear; 0 if never."),
		size:    gauge("tocsin_clock_last_step_seconds", "How far the wall clock last stepped; negative is backward."),
		ahead:   gauge("tocsin_clock_ahead_seconds", "How far the time that samples and alerts bear is ahead of the wall clock, which it waits for."),
		trusted: gauge("tocsin_clock_trusted", "0 while the wall clock reads a time before this version was made, and is not gone by."),
	}
	c.last.Store(&timeline.Now{})
	c.trusted.Set(1)
	reg.MustRegister(c.steps, c.stepped, c.size, c.ahead, c.trusted)
	return c
}

// builtAt is a time that is surely past: that of the last change of this version,
// less a day for the clocks of those who made it.
func builtAt() time.Time {
	floor := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if at, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
				return at.Add(-24 * time.Hour)
			}
		}
	}
	return floor
}

// start sets the timeline going, once; newest is the latest time that anything
// stored bears.
func (c *clock) start(newest time.Time) {
	if c.line.Started() {
		return
	}
	now := c.line.Start(newest, c.read())
	if now.Rewound || now.Untrusted || c.line.Ahead() > 0 {
		c.log.Warn("the clock is behind what is stored", "newest", newest.UTC(), "time", now.At.UTC(), "trusted", !now.Untrusted)
	}
	c.follow(now)
}

// scrapeTime is the time that a scrape which begins now is to bear. Any goroutine may
// call it. Before the start there are no scrapes, but jobs that ask for the time.
func (c *clock) scrapeTime() (at time.Time, ahead time.Duration) {
	if !c.line.Started() {
		return c.now(), 0
	}
	now := c.line.Advance(c.read())
	if now.Jump != 0 {
		c.steps.Inc()
		c.stepped.Set(float64(now.At.UnixMilli()) / 1000)
		c.size.Set(now.Jump.Seconds())
		c.log.Warn("the clock stepped", "by", now.Jump.Round(time.Millisecond))
	}
	c.follow(now)
	return now.At, c.line.Ahead()
}

func (c *clock) follow(now timeline.Now) {
	c.last.Store(&now)
	c.ahead.Set(c.line.Ahead().Seconds())
	c.trusted.Set(1)
	if now.Untrusted {
		c.trusted.Set(0)
	}
	if !now.Rewound {
		return
	}
	if err := c.cutOver(now.At); err != nil {
		c.log.Error("samples of a time to come are still in storage", "err", err)
	}
}

// tick tells the engine of a scrape, and what the clock did before it.
func (c *clock) tick(sc scrape.Scraped) engine.Tick {
	now := c.last.Load()
	return engine.Tick{At: sc.At, Up: sc.Up, Restoring: sc.Restoring, Stepped: now.Stepped, Slept: now.Slept}
}

// problem is what the user should know of a clock that is wrong now.
func (c *clock) problem() (web.Problem, bool) {
	p := web.Problem{Kind: "clock", Hint: "let NTP or chrony set this host's clock"}
	ahead := c.line.Ahead()
	switch {
	case c.last.Load().Untrusted:
		p.Text = fmt.Sprintf("it reads %s, before this version of Tocsin was made: times of alerts count on from the last that was known", c.read().Wall.UTC().Format("2006-01-02 15:04"))
	case ahead > timeline.Tolerance:
		p.Text = fmt.Sprintf("it was set back: times of samples and alerts are %s ahead of it, and wait for it", ahead.Round(time.Second))
		p.Hint = ""
	default:
		return p, false
	}
	return p, true
}

// shown is a time that was read off the wall clock, as one of the timeline: as long
// ago as it was, whatever the wall clock has been set to since.
func (c *clock) shown(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return c.now().Add(-time.Since(t))
}

// status is what the page tells of the clock.
func (c *clock) status() web.Clock {
	last := c.last.Load()
	return web.Clock{
		Wall: c.read().Wall, Ahead: c.line.Ahead(), Stepped: last.Stepped, Slept: last.Slept, Untrusted: last.Untrusted,
	}
}

// now is the time between scrapes. Before the start, which knows no better, it is
// the wall clock's.
func (c *clock) now() time.Time {
	if !c.line.Started() {
		return time.Now()
	}
	return c.line.Peek(c.read()).At
}

// sampleTime is the time that samples are to bear which are taken between the scrapes
// of the engine, and how far that is ahead of the wall clock. Any goroutine may ask: a
// step of the clock is the next scrape's to take, whose tick tells the engine of it.
func (c *clock) sampleTime() (at time.Time, ahead time.Duration) {
	if !c.line.Started() {
		return time.Now(), 0
	}
	r := c.read()
	at = c.line.Peek(r).At
	return at, at.Sub(r.Wall)
}

// moment is now as a tick tells it.
func (c *clock) moment() engine.Tick {
	if !c.line.Started() {
		return engine.Tick{At: time.Now()}
	}
	now := c.line.Peek(c.read())
	return engine.Tick{At: now.At, Stepped: now.Stepped, Slept: now.Slept}
}

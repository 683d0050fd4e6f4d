package main

import (
	"fmt"
	"time"
)

// form says how long and how large the parts of a run are.
type form struct {
	name       string
	seed       uint64
	debianOnly bool // compares with Debian's Prometheus alone

	series, rules    int           // of the ordinary load
	interval         time.Duration // of its scrapes and evaluations
	warmUp, window   time.Duration
	windows          int // one after the other, in the same processes
	cycleRounds      int
	cycleLarge       int // how many of these rounds have 100,000 series too
	dayHours         int // of the simulated day
	latencyRules     int
	latencyInterval  time.Duration
	latencySpan      time.Duration // in which the changes of a round come
	flips            int           // changes of all rounds
	latencyRounds    int           // one after the other, in the same processes
	storm            int
	stormInterval    time.Duration
	stormRounds      int
	restartSeries    int
	restartHistory   time.Duration // as scrapes every 15 s would leave it
	restartInterval  time.Duration
	restartRest      time.Duration // from the history to the SIGKILL
	restartRounds    int
	curveSeries      []int // with rules as above
	curveRules       []int
	curveRulesSeries int
	curveBoth        []int         // of series, with a tenth as many rules
	curveInterval    time.Duration // while all contestants can keep it together
	curveWindow      time.Duration
}

// realInterval is the one that people use.
const realInterval = 15 * time.Second

// mapsChunks is longer than a TSDB waits to move full chunks out of its heap: in a
// history that took as long to write as to happen, that has been done.
const mapsChunks = 70 * time.Second

// shortForm is for CI: two minutes, and intervals that are shorter than real ones.
func shortForm() form {
	return form{
		name: "short", seed: 1, debianOnly: true,
		series: 500, rules: 100, interval: 5 * time.Second, warmUp: 15 * time.Second, window: 25 * time.Second, windows: 3,
		cycleRounds:  1,
		latencyRules: 1000, latencyInterval: 2 * time.Second, latencySpan: 6 * time.Second, flips: 39, latencyRounds: 1,
		storm: 10_000, stormInterval: 2 * time.Second, stormRounds: 1,
		restartSeries: 10_000, restartHistory: 30 * time.Minute, restartInterval: time.Second, restartRounds: 3,
	}
}

// settled is when an ordinary load has become one: all alerts fire that will, and
// receivers know.
const settled = (longestFor + 4) * realInterval

// mediumForm has the real interval, and takes half an hour.
func mediumForm() form {
	f := shortForm()
	f.name, f.debianOnly = "medium", false
	f.interval, f.warmUp, f.window, f.windows = realInterval, settled, 4*time.Minute, 3
	f.cycleRounds, f.cycleLarge, f.dayHours = 6, 1, 24
	f.latencyInterval, f.latencySpan, f.latencyRounds = realInterval, realInterval, 3
	f.stormRounds = 3
	f.restartHistory, f.restartRest, f.restartInterval, f.restartRounds = 2*time.Hour, mapsChunks, realInterval, 5
	f.curveSeries, f.curveRules, f.curveRulesSeries = []int{1000, 10_000, 100_000}, []int{100, 1000, 10_000}, 1000
	f.curveBoth = []int{1000, 10_000, 100_000}
	f.curveInterval, f.curveWindow = 5*time.Second, 15*time.Second
	return f
}

// longForm is long enough for blocks to be cut and compacted.
func longForm() form {
	f := mediumForm()
	f.name = "long"
	f.warmUp, f.window = time.Hour, 4*time.Hour
	f.cycleRounds, f.cycleLarge = 10, 3
	f.latencySpan = 8 * realInterval
	f.stormInterval, f.stormRounds = realInterval, 5
	f.restartRounds = 5
	f.curveSeries, f.curveRules = []int{1000, 3000, 10_000, 30_000, 100_000}, []int{100, 300, 1000, 3000, 10_000}
	f.curveBoth = []int{1000, 3000, 10_000, 30_000, 100_000}
	f.curveInterval, f.curveWindow = realInterval, time.Minute
	return f
}

func formOf(name string) (form, error) {
	for _, f := range []form{shortForm(), mediumForm(), longForm()} {
		if f.name == name {
			return f, nil
		}
	}
	return form{}, fmt.Errorf("form %q: want short, medium or long", name)
}

// withRounds has as many rounds of each part.
func (f form) withRounds(n int) form {
	f.windows, f.cycleRounds, f.cycleLarge = n, n, min(n, f.cycleLarge)
	f.latencyRounds, f.stormRounds, f.restartRounds = n, n, n
	return f
}

package main

import (
	"fmt"
	"time"
)

// form says how long and how large the parts of a run are.
type form struct {
	name string
	seed uint64

	series, rules    int           // of the ordinary load
	interval         time.Duration // of scrapes and evaluations
	warmUp, window   time.Duration
	windows          int // one after the other, in the same processes
	steadyRounds     int
	latencyRules     int
	latencyInterval  time.Duration
	latencySpan      time.Duration // in which the changes come
	flips            int
	latencyRounds    int
	storm            int
	stormInterval    time.Duration
	stormRounds      int
	restartSeries    int
	restartHistory   time.Duration // as scrapes every 15 s would leave it
	restartInterval  time.Duration
	restartRounds    int
	curveSeries      []int // with rules as above
	curveRules       []int
	curveRulesSeries int
	curveInterval    time.Duration
	curveWindow      time.Duration
	curveTogether    bool // all contestants at once
	impatient        bool // leaves out who takes half a minute to look
}

// shortForm is done in five minutes: a scrape every second instead of 15 s.
func shortForm() form {
	return form{
		name: "short", seed: 1,
		series: 500, rules: 100, interval: time.Second, warmUp: 45 * time.Second, window: 12 * time.Second, windows: 3, steadyRounds: 1,
		latencyRules: 1000, latencyInterval: 2 * time.Second, latencySpan: 6 * time.Second, flips: 39, latencyRounds: 1,
		storm: 10_000, stormInterval: 2 * time.Second, stormRounds: 1,
		restartSeries: 10_000, restartHistory: 30 * time.Minute, restartInterval: time.Second, restartRounds: 1,
		curveSeries: []int{1000, 10_000}, curveRules: []int{100, 1000}, curveRulesSeries: 1000,
		curveInterval: 2 * time.Second, curveWindow: 6 * time.Second, curveTogether: true, impatient: true,
	}
}

// longForm has the interval that people use, and takes hours.
func longForm() form {
	return form{
		name: "long", seed: 1,
		series: 500, rules: 100, interval: 15 * time.Second, warmUp: 15 * time.Minute, window: 15 * time.Minute, windows: 3, steadyRounds: 2,
		latencyRules: 1000, latencyInterval: 15 * time.Second, latencySpan: 3 * time.Minute, flips: 39, latencyRounds: 3,
		storm: 10_000, stormInterval: 15 * time.Second, stormRounds: 3,
		restartSeries: 10_000, restartHistory: 3 * time.Hour, restartInterval: 15 * time.Second, restartRounds: 3,
		curveSeries: []int{1000, 3000, 10_000, 30_000, 100_000}, curveRules: []int{100, 300, 1000, 3000, 10_000}, curveRulesSeries: 1000,
		curveInterval: 5 * time.Second, curveWindow: 20 * time.Second,
	}
}

func formOf(name string) (form, error) {
	switch name {
	case "short":
		return shortForm(), nil
	case "long":
		return longForm(), nil
	}
	return form{}, fmt.Errorf("form %q: want short or long", name)
}

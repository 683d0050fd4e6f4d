package main

import "strings"

// goal is a row of the table of what Tocsin wants to reach: a ratio to every
// Prometheus of the run, or a value of its own.
type goal struct {
	what, part, measure string
	of                  string // the contestant that is meant; the first if empty
	value               bool   // most is a value, not a ratio
	most                float64
	format              func(float64) string // of values
	// atMost is the margin in which CI wants the ratio to Debian's Prometheus, or
	// to the library. It is wide, as CI's machines are busy, and what is written in
	// a minute hangs on what falls into it; 0 is none.
	atMost float64
}

// goals are the rows, in the order of the report.
func goals() []goal {
	out := []goal{
		cycleGoal("CPU of a whole cycle, 1,000 series × 100 rules", "1000x100/shared", 30),
		cycleGoal("… 10,000 × 1,000", "10000x1000/shared", 75),
		cycleGoal("… 100,000 × 10,000", cycleLargest+"/shared", 200),
		cycleGoal("… 1,000 × 100, no two rules share a sub-expression", "1000x100/unshared", 25),
		cycleGoal("… 10,000 × 1,000, likewise", "10000x1000/unshared", 60),
		cycleGoal("… 100,000 × 10,000, likewise", cycleLargest+"/unshared", 75),
	}
	return append(out, []goal{
		{what: "what the window adds to the ingestion of a sample", part: partCycle, measure: "Ingest", value: true, most: .4, format: percent},
		{what: "10,000 rules over 100,000 series at 15 s: share of one core that the rules take", part: partCurves, measure: measureCore, value: true, most: .05, format: percent},
		{what: "… the whole process, with the scraping and storing of the series", part: partCurves, measure: measureProcess, format: percent},
		{what: "… evaluations missed", part: partCurves, measure: measureMissed, value: true, format: percent},
		{what: "RSS, ordinary load", part: partSteady, measure: measureRSS, most: .5, format: size, atMost: .75},
		{what: "… peak of the second twelve of 24 simulated hours ÷ first", part: partDay, measure: measureFlat, value: true, most: 1.25, format: ratio},
		{what: "CPU of the whole process, ordinary load", part: partSteady, measure: measureCPU, most: .4, format: duration, atMost: .7},
		{what: "bytes written an hour, ordinary load", part: partSteady, measure: measureWritten, most: .4, format: size, atMost: 2},
		{what: "… in memory mode", part: partSteady, measure: measureWritten, of: memoryName, most: .02, format: size},
		{what: "from the scrape to the POST, longest of all", part: partLatency, measure: measureDelayMax, value: true, most: .05, format: duration},
		{what: "from the scrape to the POST, mean", part: partLatency, measure: measureDelay, value: true, most: .05, format: duration, atMost: .5},
		{what: "from the change to the POST, mean, in scrape intervals", part: partLatency, measure: measureWholeShare, value: true, most: .55, format: ratio, atMost: .85},
		{what: "binary, stripped", measure: measureBinary, value: true, most: 35e6, format: size, atMost: .8},
		{what: "start to first evaluation after a clean stop", part: partRestart, measure: measureStopped, value: true, most: .5, format: duration, atMost: .8},
		{what: "start to first evaluation after SIGKILL", part: partRestart, measure: measureKilled, most: .5, format: duration, atMost: 2},
		{what: "… CPU until then", part: partRestart, measure: measureKilledCPU, format: duration, atMost: 1.4},
		{what: "storm: alerts that were not delivered", part: partStorm, measure: measureStormLost, value: true, format: percent},
		{what: "storm: CPU until all alerts are delivered", part: partStorm, measure: measureStormCPU, format: duration, atMost: 1.5},
		{what: "storm: evaluation", part: partStorm, measure: measureStormEval, format: duration},
		{what: "storm: peak RSS", part: partStorm, measure: measureStormPeak, format: size, atMost: 1.7},
	}...)
}

// cycleGoal is a whole evaluation cycle as a part of Prometheus's.
func cycleGoal(what, size string, times float64) goal {
	g := goal{what: what, part: partCycle, measure: "Cycle/" + size, most: 1 / times, format: duration}
	if !strings.HasPrefix(size, cycleLargest) { // which takes minutes
		g.atMost = 3 * g.most
	}
	return g
}

// cycleLargest is the size that Prometheus takes more than a minute for.
const cycleLargest = "100000x10000"

// reached tells whether the median of a goal is what is wanted: "" for what has
// no goal or was not measured.
func (r *results) reached(g goal, of string) string {
	judge := func(ok bool) string {
		if ok {
			return "yes"
		}
		return "**no**"
	}
	if g.value {
		s := spreadOf(r.values[g.measure][of])
		if s.n == 0 {
			return ""
		}
		return judge(s.median <= g.most)
	}
	if g.most == 0 {
		return ""
	}
	measured, ok := false, true
	for _, base := range []string{baseName, libraryName} {
		if s := spreadOf(r.ratios(g.measure, of, base)); s.n > 0 {
			measured, ok = true, ok && s.median <= g.most
		}
	}
	if !measured {
		return ""
	}
	return judge(ok)
}

// text is the goal as it is written.
func (g goal) text() string {
	switch {
	case g.value:
		return "≤ " + g.format(g.most)
	case g.most == 0:
		return "reported"
	}
	return "≤ " + fraction(g.most)
}

package main

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// What is measured of each contestant. Less is better. The benchmarks of micro.go
// bear names of their own.
const (
	measureRSS          = "rss"
	measureAnon         = "anon"
	measureTmpfs        = "tmpfs"
	measureCPU          = "cpu"
	measureWritten      = "written"
	measureFlat         = "flat"
	measureDelay        = "delay"
	measureDelayMax     = "delay_max"
	measureWhole        = "whole"
	measureWholeShare   = "whole_share"
	measureFilled       = "filled"
	measureKilled       = "killed"
	measureKilledCPU    = "killed_cpu"
	measureKilledAlert  = "killed_alert"
	measureStop         = "stop"
	measureStopped      = "stopped"
	measureStoppedCPU   = "stopped_cpu"
	measureStoppedAlert = "stopped_alert"
	measureStorm        = "storm"
	measureStormLost    = "storm_lost"
	measureStormCPU     = "storm_cpu"
	measureStormEval    = "storm_eval"
	measureStormPeak    = "storm_peak"
	measureBinary       = "binary"
	measureCore         = "core"
	measureProcess      = "core_process"
	measureMissed       = "missed"
)

// results are the values of one run of the bench.
type results struct {
	mu     sync.Mutex                      // guards what follows while parts run
	values map[string]map[string][]float64 // by measure and contestant, one for each round; NaN where there is none
	curves map[string]map[string][]point   // by what grows and contestant
	micro  bytes.Buffer                    // what go test -bench has printed
	times  []string                        // of the parts
	notes  []string
}

func newResults() *results {
	return &results{values: map[string]map[string][]float64{}, curves: map[string]map[string][]point{}}
}

// set puts in the value of one round.
func (r *results) set(measure, contestant string, round int, v float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.values[measure] == nil {
		r.values[measure] = map[string][]float64{}
	}
	vs := r.values[measure][contestant]
	for len(vs) <= round {
		vs = append(vs, math.NaN())
	}
	vs[round] = v
	r.values[measure][contestant] = vs
}

// point adds a point to a curve.
func (r *results) point(x, contestant string, p point) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.curves[x] == nil {
		r.curves[x] = map[string][]point{}
	}
	r.curves[x][contestant] = append(r.curves[x][contestant], p)
}

// note is a sentence for the report.
func (r *results) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := fmt.Sprintf(format, args...); !slices.Contains(r.notes, n) {
		r.notes = append(r.notes, n)
	}
}

// took tells how long a part was, unless the form has nothing for it.
func (r *results) took(p part, d time.Duration) {
	if d < time.Second {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	text := fmt.Sprintf("%s %s", p.name, d.Round(time.Second))
	if p.beside {
		text += " (beside the others)"
	}
	r.times = append(r.times, text)
}

// ratios are a contestant's values, each divided by the base's of the same round.
func (r *results) ratios(measure, contestant, base string) []float64 {
	values, bases := r.values[measure][contestant], r.values[measure][base]
	var out []float64
	for i := range min(len(values), len(bases)) {
		if q := values[i] / bases[i]; !math.IsNaN(q) && !math.IsInf(q, 0) {
			out = append(out, q)
		}
	}
	return out
}

// empty tells that nobody has a value but zero.
func (r *results) empty(measure string) bool {
	for _, values := range r.values[measure] {
		if slices.ContainsFunc(values, func(v float64) bool { return v > 0 }) {
			return false
		}
	}
	return true
}

// spread sums up the rounds.
type spread struct {
	min, median, max float64
	n                int
}

// spreadOf leaves out rounds without a value.
func spreadOf(values []float64) spread {
	vs := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(vs) == 0 {
		return spread{}
	}
	slices.Sort(vs)
	return spread{min: vs[0], median: median(vs), max: vs[len(vs)-1], n: len(vs)}
}

// median is that of sorted values.
func median(vs []float64) float64 {
	if len(vs) == 0 {
		return math.NaN()
	}
	return (vs[(len(vs)-1)/2] + vs[len(vs)/2]) / 2
}

func mean(vs []float64) float64 {
	sum := 0.0
	for _, v := range vs {
		sum += v
	}
	return sum / float64(len(vs))
}

package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// workload says what the contestants scrape and evaluate: the same for all, and
// for one seed the same again.
type workload struct {
	seed     uint64
	series   int
	rules    int
	interval time.Duration // of scrapes and evaluations; the windows of the rules follow it
	past     int           // scrapes whose samples are there before the first one
	flips    int           // gauges that rise at moments of their own, each with a rule
	storm    int           // gauges that rise at once, with one rule
}

// Names that the stimuli bear.
const (
	flipAlert, flipMetric   = "BenchFlip", "bench_flip"
	stormAlert, stormMetric = "BenchStorm", "bench_storm"
	alwaysAlert             = "BenchAlways" // fires from the first evaluation on
)

// source is one series and the course that it takes.
type source struct {
	prefix  []byte // as exposed, up to the value
	counter bool
	base    float64 // rate per second of a counter, mean of a gauge
	swing   float64 // part of base by which it varies
	phase   float64
}

// seriesPerService: the series of one service are in the mix of an ordinary
// program (counters by code, a histogram, gauges, an info metric).
const seriesPerService = 25

// metrics are the series of a workload. They do not change, and all targets of a
// round share them.
type metrics struct {
	begun        time.Time
	sources      []source
	flips, storm int // how many gauges there are for each
}

func (w workload) metrics() *metrics {
	begun := time.Now().Add(-time.Duration(w.past+2) * w.interval) // counters begin at zero
	m := &metrics{begun: begun, flips: w.flips, storm: w.storm}
	r := rand.New(rand.NewPCG(w.seed, 1))
	for i := 0; len(m.sources) < w.series; i++ {
		m.service(r, fmt.Sprintf("svc-%04d", i))
	}
	m.sources = m.sources[:w.series]
	return m
}

// services is how many services the series of a workload make.
func (w workload) services() int { return max(1, w.series/seriesPerService) }

// service adds the series of one service.
func (m *metrics) service(r *rand.Rand, name string) {
	put := func(counter bool, base, swing float64, metric, extra string) {
		m.sources = append(m.sources, source{
			prefix:  fmt.Appendf(nil, "%s{service=%q%s} ", metric, name, extra),
			counter: counter, base: base, swing: swing, phase: r.Float64() * 2 * math.Pi,
		})
	}
	rate := math.Exp(r.NormFloat64()) * 20
	for _, method := range []string{"get", "post"} {
		for i, code := range []string{"200", "404", "500"} {
			put(true, rate*[]float64{1, .05, .01}[i], .5, "bench_requests_total", fmt.Sprintf(",method=%q,code=%q", method, code))
		}
	}
	for i, le := range []string{"0.01", "0.05", "0.1", "0.5", "1", "5", "+Inf"} {
		part := 1 - math.Pow(.4, float64(i+1))
		if le == "+Inf" {
			part = 1
		}
		put(true, rate*2*part, .5, "bench_request_duration_seconds_bucket", fmt.Sprintf(",le=%q", le))
	}
	put(true, rate*.3, .5, "bench_request_duration_seconds_sum", "")
	put(true, rate*2, .5, "bench_request_duration_seconds_count", "")
	put(true, .2+r.Float64()*.5, .5, "bench_cpu_seconds_total", `,mode="user"`)
	put(true, .05, .5, "bench_cpu_seconds_total", `,mode="system"`)
	limit := math.Exp2(float64(26 + r.IntN(6)))
	put(false, limit*(.2+.5*r.Float64()), .2, "bench_memory_bytes", "")
	put(false, limit, 0, "bench_memory_limit_bytes", "")
	put(false, 20+200*r.Float64(), .3, "bench_open_fds", "")
	put(false, 1024, 0, "bench_max_fds", "")
	put(false, 5+50*r.Float64(), .8, "bench_queue_length", "")
	put(false, 1e10*(.2+r.Float64()), .01, "bench_disk_free_bytes", "")
	put(false, 1.7e9+math.Floor(r.Float64()*1e7), 0, "bench_start_time_seconds", "")
	put(false, 1, 0, "bench_info", fmt.Sprintf(",version=\"1.%d.%d\"", r.IntN(9), r.IntN(20)))
}

// value is where a series stands after some seconds. What varies does so by a
// slow wave and a little noise, as integers: the bits of a sample are as many as
// those of real ones.
func (s *source) value(seconds float64) float64 {
	if s.swing == 0 {
		return s.base
	}
	wave := math.Sin(seconds/60 + s.phase)
	if s.counter { // its slope never falls below zero, as swing is less than one
		return math.Floor(s.base * (seconds + s.swing*60*(wave+1)))
	}
	noise := math.Sin(seconds*12.9898+s.phase*78.233) * 43758.5453
	noise -= math.Floor(noise)
	return math.Floor(s.base * (1 + s.swing*(.8*wave+.2*noise)))
}

// expose is all series in the text format, as they are at a moment, with the flips
// and the storm that have happened.
func (m *metrics) expose(at time.Time, flipped map[int]*change, storming bool) []byte {
	since := at.Sub(m.begun)
	to := make([]byte, 0, 100*(len(m.sources)+m.storm))
	for i := range m.sources {
		s := &m.sources[i]
		to = append(to, s.prefix...)
		to = strconv.AppendFloat(to, s.value(since.Seconds()), 'g', -1, 64)
		to = append(to, '\n')
	}
	for i := range m.flips {
		to = fmt.Appendf(to, "%s{flip=\"%d\"} %d\n", flipMetric, i, bit(flipped[i] != nil))
	}
	level := bit(storming)
	for i := range m.storm {
		to = append(to, stormMetric+`{id="`...)
		to = strconv.AppendInt(to, int64(i), 10)
		to = append(to, `"} `...)
		to = strconv.AppendInt(to, int64(level), 10)
		to = append(to, '\n')
	}
	return to
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

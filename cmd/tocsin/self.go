package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin/tocsin/scrape"
)

// clockTolerance is how far the wall clock may drift from the monotonic one
// between two scrapes before that counts as a step.
const clockTolerance = 2 * time.Second

// selfScrape stores Tocsin's own metrics with each scrape, and watches the clock.
// It is called from the scraping goroutine.
type selfScrape struct {
	self *scrape.Self
	log  *slog.Logger

	last    time.Time // with its monotonic reading
	steps   prometheus.Counter
	stepped prometheus.Gauge
	size    prometheus.Gauge
}

func newSelfScrape(self *scrape.Self, log *slog.Logger, reg prometheus.Registerer) *selfScrape {
	s := &selfScrape{
		self: self, log: log.With("component", "self"),
		steps: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tocsin_clock_steps_total",
			Help: "Steps of the wall clock against the monotonic clock.",
		}),
		stepped: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tocsin_clock_last_step_timestamp_seconds",
			Help: "When the wall clock last stepped, by the new time; 0 if never.",
		}),
		size: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tocsin_clock_last_step_seconds",
			Help: "How far the wall clock last stepped; negative is backward.",
		}),
	}
	reg.MustRegister(s.steps, s.stepped, s.size)
	return s
}

// collect stores the own metrics with the timestamp of a scrape.
func (s *selfScrape) collect(at time.Time) {
	s.watchClock(time.Now())
	if s.self == nil {
		return
	}
	if err := s.self.Collect(context.Background(), at); err != nil {
		s.log.Debug("own metrics not stored", "err", err)
	}
}

// watchClock compares how far the two clocks went since the last call.
func (s *selfScrape) watchClock(now time.Time) {
	last := s.last
	s.last = now
	if last.IsZero() {
		return
	}
	step := now.Round(0).Sub(last.Round(0)) - now.Sub(last)
	if step.Abs() <= clockTolerance {
		return
	}
	s.steps.Inc()
	s.stepped.Set(float64(now.UnixMilli()) / 1000)
	s.size.Set(step.Seconds())
	s.log.Warn("the clock stepped", "by", step.Round(time.Millisecond))
}

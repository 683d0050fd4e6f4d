package engine

import (
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// Source is what became of one scrape of one target, or of the target itself: of any
// target but that of the ticks.
type Source struct {
	// Target names it, as long as its job, its URL and its labels are the same.
	Target string
	Job    string
	// Labels are those that all its samples surely bear.
	Labels labels.Labels
	// Names tells whether it may bring series of a metric's name; nil is of any. It may
	// be called at any time, by any goroutine.
	Names func(string) bool
	// At is when the scrape began, Interval the time between two.
	At       time.Time
	Interval time.Duration
	// Up: the scrape succeeded.
	Up bool
	// Waiting: it is known, but not scraped yet.
	Waiting bool
	// Gone: it is no target any more.
	Gone bool
}

// Hear tells of a source. What a failed scrape takes away must be heard of before it
// is in storage, and what a good one brings after that: no evaluation between the two
// takes what has vanished for evidence. It never blocks, and may be called by any
// goroutine, before, during and after Run.
func (e *Engine) Hear(s Source) {
	if s.Interval == 0 {
		s.Interval = e.opts.ScrapeInterval
	}
	if s.At.IsZero() {
		s.At = e.opts.Now().At
	}
	e.roster.hear(s, e.watched())
}

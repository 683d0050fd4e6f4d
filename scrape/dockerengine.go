package scrape

import (
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// A Docker engine that starts counts no containers until it has restored them;
// only then does it say what it is. Replay looks for the same.
const (
	CountsMetric = "engine_daemon_container_states_containers"
	InfoMetric   = "engine_daemon_engine_info"
)

// daemonIDLabel of InfoMetric is what a Docker engine calls itself.
const daemonIDLabel = "daemon_id"

// engineScrape follows a scrape of a target that may be a Docker engine.
type engineScrape struct {
	scraper      *Scraper
	all          bool // no scrape before it has told all names
	counts, info bool
	daemonID     string
	// counted: moveToPhase waits for the end of this scrape.
	counted bool
}

func (e *engineScrape) ended() {
	if e.counted {
		e.counted = false
		e.scraper.underWay.RUnlock()
	}
}

func (e *engineScrape) sample(ref storage.SeriesRef, ls labels.Labels) {
	name := ls.Get(labels.MetricName)
	switch name {
	case CountsMetric:
		e.counts = true
	case InfoMetric:
		e.info = true
		e.daemonID = ls.Get(daemonIDLabel)
	}
	if ref == 0 || e.all {
		e.scraper.names.add(name)
	}
}

func (e *engineScrape) scraped(at time.Time, up bool) Scraped {
	return Scraped{At: at, Up: up, Restoring: e.counts && !e.info, DaemonID: strings.Clone(e.daemonID)}
}

func (e *engineScrape) committing(at time.Time, up bool) {
	e.scraper.opts.Committing(e.scraped(at, up))
}

func (e *engineScrape) committed(at time.Time, up bool) {
	is := e.scraped(at, up)
	if up && !is.Restoring { // else most is yet to come
		e.scraper.names.complete()
	}
	e.scraper.opts.Committed(is)
	select {
	case e.scraper.scraped <- struct{}{}:
	default:
	}
}

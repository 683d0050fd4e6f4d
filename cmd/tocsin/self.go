package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/tocsin/tocsin/scrape"
)

// selfScrape stores Tocsin's own metrics with each scrape. It is called from the scraping goroutine.
type selfScrape struct {
	self *scrape.Self
	log  *slog.Logger
}

func newSelfScrape(self *scrape.Self, log *slog.Logger) *selfScrape {
	return &selfScrape{self: self, log: log.With("component", "self")}
}

// collect stores the own metrics with the timestamp of a scrape.
func (s *selfScrape) collect(at time.Time) {
	if s.self == nil {
		return
	}
	if err := s.self.Collect(context.Background(), at); err != nil {
		s.log.Debug("own metrics not stored", "err", err)
	}
}

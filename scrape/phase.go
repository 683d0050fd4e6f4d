package scrape

import (
	"hash/fnv"
	"time"

	commonconfig "github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/config"
)

// untilPhase is how long after now the next moment comes that the identity gives in
// each interval.
func untilPhase(identity string, now time.Time, interval time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(identity)) // never fails
	phase := time.Duration(h.Sum64() % uint64(interval))
	since := time.Duration(now.UnixNano() % int64(interval))
	return (phase - since + interval) % interval
}

// restarted is a configuration that says the same in other words: a manager that
// gets it scrapes at once, and on the interval from then on. What it has in its cache
// stays, as only the client differs.
func restarted(cfg *config.Config) *config.Config {
	c, sc := *cfg, *cfg.ScrapeConfigs[0]
	sc.HTTPClientConfig.HTTPHeaders = &commonconfig.Headers{}
	c.ScrapeConfigs = []*config.ScrapeConfig{&sc}
	return &c
}

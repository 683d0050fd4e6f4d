package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/notify"
	"github.com/tocsin/tocsin/rules"
)

// host is one of the fleet.
type host struct {
	engine   *engine.Engine
	notifier *notify.Notifier
	phase    float64 // in [0,1): of its scrapes in their interval
}

// newHost makes the host of that number. It alerts to the urls over the transport.
func newHost(n int, s *script, urls []string, transport http.RoundTripper) (*host, error) {
	name := fmt.Sprintf("edge-%05d", n)
	file := rules.Parse("rules.yml", []byte(ruleFile)) // each its own: evaluation writes to it
	if len(file.Problems) > 0 {
		return nil, file.Problems[0]
	}
	endpoints, err := notify.ParseURLs(strings.Join(urls, ","))
	if err != nil {
		return nil, err
	}
	notifier, err := notify.New(notify.Options{
		Endpoints: endpoints, RoundTripper: transport, Version: "fleet",
		ExternalLabels: labels.FromStrings("host", name, "engine_id", fmt.Sprintf("00000000-0000-4000-8000-%012d", n), "site", fmt.Sprintf("site-%03d", n/100)),
	})
	if err != nil {
		return nil, err
	}
	eng := engine.New(engine.Options{
		Queryable: &series{script: s, phase: phase(name + "/incident")}, Appendable: nowhere{}, Notify: notifier.Send,
		Interval: interval, ScrapeInterval: interval, ResendDelay: resendDelay, Identity: func() string { return name },
	})
	eng.Load(file.Groups, true)
	return &host{eng, notifier, phase(name + "/scrape")}, nil
}

// phase is a number in [0,1), for each name another.
func phase(name string) float64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return float64(h.Sum64()%1_000_003) / 1_000_003
}

// run evaluates and sends until ctx is done.
func (h *host) run(ctx context.Context) {
	var sending sync.WaitGroup
	sending.Go(func() { _ = h.notifier.Run(ctx) }) // it fails only where it is called twice
	defer sending.Wait()
	offset := time.Duration(h.phase * float64(interval)).Truncate(time.Millisecond) // as timestamps are
	for {
		now := time.Now()
		next := now.Add(-offset).Truncate(interval).Add(offset + interval)
		timer := time.NewTimer(next.Sub(now))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			h.engine.Step(ctx, engine.Tick{At: next, Up: true})
		}
	}
}

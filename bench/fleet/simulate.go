package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"
)

// network is what hosts alert to.
type network interface {
	// urls are those of the Alertmanagers.
	urls() []string
	// transport is the way of one host.
	transport(*record) http.RoundTripper
	// leave takes the Alertmanagers away, comeBack brings them back without what they
	// knew.
	leave() error
	comeBack(context.Context) error
	// usage is what each of them has used; none where they are no processes.
	usage() ([]usage, error)
}

// result is what one fleet gave.
type result struct {
	form
	plan    plan
	script  *script
	tallies map[string]*tally
	faults  faults
}

// simulate runs a fleet through the plan.
func simulate(ctx context.Context, f form, p plan, net network, log *slog.Logger) (*result, error) {
	s := p.from(time.Now())
	rec := newRecord()
	uplinks := make([]*uplink, f.hosts)
	hosts := make([]*host, f.hosts)
	for n := range hosts {
		uplinks[n] = newUplink(rec, net.transport(rec))
		h, err := newHost(n, s, net.urls(), uplinks[n])
		if err != nil {
			return nil, fmt.Errorf("make host: %w", err)
		}
		hosts[n] = h
	}
	running, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, h := range hosts {
		all.Go(func() { h.run(running) })
	}
	err := play(ctx, s, rec, net, log)
	rec.enter("end")
	stop()
	all.Wait()
	if err != nil {
		return nil, err
	}
	res := &result{form: f, plan: p, script: s, tallies: map[string]*tally{}}
	for _, t := range rec.tallies {
		res.tallies[t.name] = t
	}
	for _, u := range uplinks {
		for _, url := range net.urls() {
			b := u.books[hostOf(url)]
			if b == nil {
				b = &book{}
			}
			one := b.check(s)
			res.faults.lost += one.lost
			res.faults.doubled += one.doubled
			res.faults.late += one.late
		}
	}
	return res, nil
}

// play goes through the phases.
func play(ctx context.Context, s *script, rec *record, net network, log *slog.Logger) error {
	phases := []struct {
		name   string
		until  time.Time
		before func() error
	}{
		{"", s.siteFrom.Add(-s.steady), nil},
		{steadyPhase, s.siteFrom, nil},
		{sitePhase, s.outageFrom, nil},
		{outagePhase, s.outageTo, net.leave},
		{backPhase, s.outageTo.Add(s.back), func() error { return net.comeBack(ctx) }},
	}
	for _, ph := range phases {
		if ph.name != "" {
			rec.enter(ph.name)
			log.Info("phase", "name", ph.name)
		}
		if ph.before != nil {
			if err := ph.before(); err != nil {
				return err
			}
		}
		before, err := net.usage()
		if err != nil {
			return err
		}
		if err := sleep(ctx, time.Until(ph.until)); err != nil {
			return err
		}
		if ph.name == outagePhase {
			continue // nobody is there to be asked
		}
		after, err := net.usage()
		if err != nil {
			return err
		}
		for i := range after {
			after[i].cpu -= before[i].cpu
		}
		rec.current.used = slices.Clone(after)
	}
	return nil
}

// sleep waits, or fails where ctx is done before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// The phases that are told of.
const (
	steadyPhase = "steady"
	sitePhase   = "site outage"
	outagePhase = "outage"
	backPhase   = "return"
)

// delivered is how long after the return the last host had been heard, and what was
// over been reported.
func (r *result) delivered() time.Duration {
	t := r.tallies[backPhase]
	last := t.lastHeard
	if t.lastLate.After(last) {
		last = t.lastLate
	}
	return last.Sub(t.begin)
}

// afterOutage is the time over which an outage is paid for: until all is delivered,
// and one resend delay more.
func (r *result) afterOutage() rates {
	return r.tallies[backPhase].rates((r.delivered() + resendDelay).Round(time.Second))
}

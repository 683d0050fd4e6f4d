package main

import (
	"fmt"
	"strings"
	"time"
)

// Settings that all hosts have: Tocsin's defaults.
const (
	interval    = 15 * time.Second
	resendDelay = time.Minute
)

// plan is what happens to a fleet, one phase after the other.
type plan struct {
	// warm is the time in which hosts start; it is not counted.
	warm time.Duration
	// steady: nothing begins and nothing ends.
	steady time.Duration
	// site: at its beginning something happens to all hosts at once, and lasts for
	// siteLasts.
	site, siteLasts time.Duration
	// outage: the Alertmanagers are away, and on each host something begins and ends
	// meanwhile, which lasts for incident.
	outage, incident time.Duration
	// back: they are there again, without what they knew.
	back time.Duration
	// standing is how many alerts of each host fire all the time, beside its Watchdog;
	// siteAlerts how many fire when something happens to all.
	standing, siteAlerts int
}

// simulated is for a clock on which time costs nothing.
var simulated = plan{
	warm: 3 * time.Minute, steady: 6 * time.Minute, site: 15 * time.Minute, siteLasts: 5 * time.Minute,
	outage: time.Hour, incident: 2 * time.Minute, back: 8 * time.Minute, standing: 3, siteAlerts: 5,
}

// loopback is for the wall clock. The outage is shorter: back-off has reached its
// bound within the first ten seconds of it, and what an outbox holds does not grow with
// its length.
var loopback = plan{
	warm: 2 * time.Minute, steady: 3 * time.Minute, site: 3 * time.Minute, siteLasts: 75 * time.Second,
	outage: 5 * time.Minute, incident: time.Minute, back: 4 * time.Minute, standing: 3, siteAlerts: 5,
}

// script is when what the plan says happens.
type script struct {
	plan
	siteFrom, siteTo time.Time
	outageFrom       time.Time
	outageTo         time.Time
}

// alerts are those that fire on each host, each once.
func (s *script) alerts() []string {
	all := []string{"Watchdog/", "JobFailed/n0"}
	for i := range s.standing {
		all = append(all, fmt.Sprintf("DiskFilling/n%d", i))
	}
	for i := range s.siteAlerts {
		all = append(all, fmt.Sprintf("LinkDown/n%d", i))
	}
	return all
}

// brief tells whether an alert ends.
func brief(key string) bool {
	return strings.HasPrefix(key, "LinkDown") || strings.HasPrefix(key, "JobFailed")
}

func (p plan) from(start time.Time) *script {
	s := &script{plan: p, siteFrom: start.Add(p.warm + p.steady)}
	s.siteTo = s.siteFrom.Add(p.siteLasts)
	s.outageFrom = s.siteFrom.Add(p.site)
	s.outageTo = s.outageFrom.Add(p.outage)
	return s
}

// incident is when something begins on the host of this phase in [0,1) that is over
// before the Alertmanagers are back.
func (s *script) incident(phase float64) (from, to time.Time) {
	room := s.plan.outage - s.plan.incident - 4*interval
	from = s.outageFrom.Add(interval + time.Duration(phase*float64(room)))
	return from, from.Add(s.plan.incident)
}

package notify

import (
	"context"
	"slices"
	"time"
)

const (
	// checkEvery is how often an Alertmanager that is being sent to is asked when
	// it was started.
	checkEvery = time.Minute
	// checkTimeout bounds that question: alerts wait for the answer.
	checkTimeout = 3 * time.Second
	// maxStarts bounds how many starts are remembered: more than one where a load
	// balancer hides several Alertmanagers.
	maxStarts = 8
)

// contact is what a sender knows of the process at the other end. It is owned by
// the sender's run.
type contact struct {
	checked  time.Time   // when it was last asked; zero if never
	doubt    bool        // it may be another process than the one that was asked
	readable bool        // the last question was answered
	heard    time.Time   // when it last answered anything to the point
	starts   []time.Time // when it was started, the newest answer last
}

func (c *contact) due(now time.Time) bool {
	return c.checked.IsZero() || c.doubt || now.Sub(c.checked) >= checkEvery
}

// answered takes note of an answer and tells whether it is that of a process that
// was not there at the first contact.
func (c *contact) answered(started, now time.Time) (restarted bool) {
	c.heard, c.readable = now, true
	if slices.ContainsFunc(c.starts, started.Equal) {
		return false
	}
	restarted = len(c.starts) > 0
	c.starts = append(c.starts, started)
	if len(c.starts) > maxStarts {
		c.starts = c.starts[1:]
	}
	return restarted
}

// check asks the Alertmanager when it was started, if it is time to. One that has
// restarted knows nothing any more, and is told everything again. The answer also
// says what time it is there, before the first alert is sent. An answer that does
// not come, or means nothing, keeps nobody from sending.
func (s *sender) check(ctx context.Context) {
	now := time.Now()
	if s.client.courier.skew.lost(now) { // until the next reply
		s.client.courier.skew, s.clock.skew, s.clock.corrected = skew{}, skew{}, false
		s.contact.doubt = true
	}
	if s.client.mute || !s.contact.due(now) {
		return
	}
	defer s.publish()
	started, err := s.client.started(ctx, min(checkTimeout, s.client.timeout))
	now = time.Now()
	s.contact.checked, s.contact.doubt, s.contact.readable = now, false, false
	s.client.courier.connected.Store(false)
	s.readClock(now)
	if err != nil {
		s.log.Debug("status of the Alertmanager not read", "err", s.client.scrub(err.Error()))
		return
	}
	if !s.contact.answered(started, now) {
		return
	}
	s.metrics.restarts.Inc()
	s.current.Restarts++
	s.current.LastRestart = started
	s.log.Info("alertmanager has restarted, it is told again what fires", "started_at", started)
	s.repeat(s, now)
}

// readClock takes over what the last reply said of the Alertmanager's clock.
func (s *sender) readClock(now time.Time) {
	measured := s.client.courier.skew
	if measured.at.IsZero() || measured.at.Equal(s.clock.skew.at) {
		return
	}
	was := s.clock.corrected
	news := s.clock.learn(measured)
	s.current.ClockOffset = measured.offset
	s.metrics.clockOffset.Set(measured.offset.Seconds())
	switch {
	case !news:
	case s.clock.corrected:
		s.log.Warn("clocks differ, alerts are sent with the Alertmanager's time", "alertmanager_ahead_by", measured.offset.Round(time.Second))
	case was:
		s.log.Info("clocks agree again", "alertmanager_ahead_by", measured.offset.Round(time.Second))
	}
}

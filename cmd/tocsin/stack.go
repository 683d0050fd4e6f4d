package main

import (
	"context"
	"log/slog"
	"time"
)

// stack holds what must be undone at the end, by name. It serves the ordinary
// stop and the failed start: what was made last is undone first.
type stack struct {
	log   *slog.Logger
	steps []step
}

type step struct {
	name     string
	deadline time.Duration
	stop     func(ctx context.Context) error
}

// push adds a step, on the line after what it undoes was made.
func (s *stack) push(name string, deadline time.Duration, stop func(ctx context.Context) error) {
	s.steps = append(s.steps, step{name, deadline, stop})
}

// lateGrace is for a step that heeds its deadline to come back.
const lateGrace = 100 * time.Millisecond

// stopLimit is for all steps together: from SIGTERM to SIGKILL the Docker engine
// gives us 10 s.
const stopLimit = 9 * time.Second

// unwind runs the steps, each within its deadline: one that does not come back
// is left behind.
func (s *stack) unwind() {
	end := time.Now().Add(stopLimit)
	for len(s.steps) > 0 {
		st := s.steps[len(s.steps)-1]
		s.steps = s.steps[:len(s.steps)-1]
		deadline := max(0, min(st.deadline, time.Until(end)-lateGrace))
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		done := make(chan error, 1)
		go func() { done <- st.stop(ctx) }()
		select {
		case err := <-done:
			if err != nil {
				s.log.Warn("stop step ended with an error", "step", st.name, "err", err)
			}
		case <-time.After(deadline + lateGrace):
			s.log.Error("stop step does not end, left behind", "step", st.name)
		}
		cancel()
	}
}

// background runs f until the returned stop step cancels it and it has returned.
func background(f func(ctx context.Context) error) (stop func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	return func(deadline context.Context) error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-deadline.Done():
			return deadline.Err()
		}
	}
}

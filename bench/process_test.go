package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestProcessEnds(t *testing.T) {
	for name, end := range map[string]func(*process) error{"stop": (*process).stop, "kill": (*process).kill} {
		t.Run(name, func(t *testing.T) {
			p, err := startProcess(t.TempDir(), []string{"sleep", "60"})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.alive(); err != nil {
				t.Error(err)
			}
			if err := end(p); err != nil {
				t.Error(err)
			}
			if p.alive() == nil {
				t.Error("it lives on")
			}
			if err := end(p); err != nil {
				t.Errorf("ended twice: %v", err)
			}
		})
	}
}

func TestDeadProcessTellsItsOutput(t *testing.T) {
	p, err := startProcess(t.TempDir(), []string{"sh", "-c", "echo no such flag >&2; exit 3"})
	if err != nil {
		t.Fatal(err)
	}
	<-p.done
	if err := p.alive(); err == nil || !strings.Contains(err.Error(), "no such flag") || !strings.Contains(err.Error(), "3") {
		t.Errorf("error %v", err)
	}
}

func TestPoll(t *testing.T) {
	want := errors.New("not yet")
	n := 0
	err := poll(t.Context(), time.Millisecond, time.Minute, func() error {
		if n++; n < 3 {
			return want
		}
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("error %v after %d looks", err, n)
	}
	if err := poll(t.Context(), time.Millisecond, 5*time.Millisecond, func() error { return want }); !errors.Is(err, want) {
		t.Errorf("error %v", err)
	}
}

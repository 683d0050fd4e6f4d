package main

import (
	"log/slog"
	"testing"
	"time"
)

// TestLifeMarks counts the marks that the flash gets, and what a crash would take of
// the time that had passed.
func TestLifeMarks(t *testing.T) {
	const interval = 15 * time.Second
	for _, tc := range []struct {
		name           string
		lived, running time.Duration // before it is counted, and the `for` that runs
		needless       bool
		marks          int // in an hour
		lost           time.Duration
	}{
		{"a long one", time.Hour, 24 * time.Hour, false, 12, 5 * time.Minute},
		{"of ten minutes", time.Hour, 10 * time.Minute, false, 24, 150 * time.Second},
		{"of a minute", time.Hour, time.Minute, false, 60, time.Minute},
		{"in a process that has begun", 0, 24 * time.Hour, false, 17, 5 * time.Minute},
		{"with samples on the disk", 0, 24 * time.Hour, true, 0, time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			began := time.Unix(1_000_000, 0)
			first := began.Add(tc.lived)
			last, marks, lost := first, 0, time.Duration(0)
			m := &lifeMark{
				needed: func() bool { return !tc.needless }, least: lifeMarkLeast * interval, began: began, log: slog.New(slog.DiscardHandler),
				alive: func(at time.Time, every time.Duration) error {
					if at.Sub(last) >= every {
						last, marks = at, marks+1
					}
					return nil
				},
			}
			for at := first.Add(interval); !at.After(first.Add(time.Hour)); at = at.Add(interval) {
				lost = max(lost, at.Sub(last))
				m.note(at, tc.running)
				if age := at.Sub(began); at.Sub(last) > max(age/lifeMarkShare, m.least) && !tc.needless {
					t.Fatalf("after %s a crash takes %s", age, at.Sub(last))
				}
			}
			if marks != tc.marks || lost != tc.lost {
				t.Errorf("%d marks, and a crash takes %s; want %d and %s", marks, lost, tc.marks, tc.lost)
			}
		})
	}
}

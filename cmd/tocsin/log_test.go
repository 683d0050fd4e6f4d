package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestLogSplitsByLevelAndCutsLines(t *testing.T) {
	var out, errs bytes.Buffer
	log, closeLog := newLogger("info", &out, &errs, prometheus.NewRegistry())
	log.Debug("not shown")
	log.With("component", "x").Info("news")
	log.Warn("trouble")
	log.Error("long", "text", strings.Repeat("x", 1<<20))
	closeLog()
	if got := out.String(); !strings.Contains(got, "msg=news component=x") || strings.Count(got, "\n") != 1 {
		t.Errorf("stdout %q, want the news alone", got)
	}
	lines := strings.Split(strings.TrimSuffix(errs.String(), "\n"), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "trouble") || !strings.HasSuffix(lines[1], "(cut)") || len(lines[1]) > maxLine+100 {
		t.Errorf("stderr has %d lines, want the trouble and a line cut at %d bytes", len(lines), maxLine)
	}
}

// stuckWriter is a pipe that nobody reads.
type stuckWriter chan struct{}

func (w stuckWriter) Write(p []byte) (int, error) { <-w; return len(p), nil }

func TestLogNeverBlocks(t *testing.T) {
	stuck := make(stuckWriter)
	defer close(stuck)
	dropped := prometheus.NewCounter(prometheus.CounterOpts{Name: "dropped"})
	o := newLogOutput(stuck, dropped)
	for range 2 * logQueue { // would never end if it waited
		if _, err := o.Write([]byte("x\n")); err != nil {
			t.Fatal(err)
		}
	}
	if got := testutil.ToFloat64(dropped); got < logQueue-1 {
		t.Errorf("%v records were counted as dropped, want about %d", got, logQueue)
	}
	o.close() // gives up after a while
	if _, err := o.Write([]byte("late\n")); err != nil {
		t.Errorf("a record after the end: %v", err)
	}
}

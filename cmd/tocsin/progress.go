package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progressEvery is how often a terminal is told how far things are.
const progressEvery = 100 * time.Millisecond

// newProgress shows on a terminal how far a replay is, and nothing elsewhere. end
// takes it away again.
func newProgress(w io.Writer) (show func(done float64, at time.Time, firing int), end func()) {
	if !isTerminal(w) {
		return nil, func() {}
	}
	shown := time.Time{}
	show = func(done float64, at time.Time, firing int) {
		if now := time.Now(); now.Sub(shown) >= progressEvery {
			shown = now
			fmt.Fprintf(w, "\r\x1b[K%3.0f %%  %s  %d firing", 100*done, stamp(at), firing)
		}
	}
	return show, func() { fmt.Fprint(w, "\r\x1b[K") }
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
